package delivery

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/jobs"
)

// Kind reports whether an export is of the kind that an address is for.
type Kind func(jobs.Request) bool

// OfResources and OfTables are the kinds of exports.
var (
	OfResources Kind = func(request jobs.Request) bool { return request.Tables == nil }
	OfTables    Kind = func(request jobs.Request) bool { return request.Tables != nil }
)

// Poll returns the export of a kind in the path of a request for its status. A client
// that polls too often is refused.
func (e *Exports) Poll(call *endpoint.Call, kind Kind) (jobs.Export, error) {
	if e.pollRate.Take(call.Client.ID+" "+call.Param("id")) > 0 {
		return jobs.Export{}, problem.Throttled(problem.Polls, "too many status requests for this export", retryPoll)
	}
	export, err := e.own(call)
	if err == nil && !kind(export.Request) {
		err = exportProblem(jobs.ErrNotFound)
	}
	return export, err
}

// own returns the export in the path of the request. It must be the client's own, and
// the client's scopes must cover it: they may have been narrowed since the kick-off
// (Bulk Data 3.0.0, "Privacy and Security Considerations").
func (e *Exports) own(call *endpoint.Call) (jobs.Export, error) {
	id, err := parseID(call)
	if err != nil {
		return jobs.Export{}, err
	}
	export, err := e.config.Store.GetForClient(call.Ctx(), id, call.Client.ID)
	if err != nil {
		return jobs.Export{}, exportProblem(err)
	}
	return export, call.Require(func(client auth.Client) error { return e.allow(client, export.Request) })
}

// allow refuses a client whose Groups or scopes do not cover the export.
func (e *Exports) allow(client auth.Client, request jobs.Request) error {
	if err := endpoint.AllowGroup(client, request.Group); err != nil {
		return err
	}
	for _, resourceType := range request.Types {
		if err := e.config.Types.Allow(client, "", resourceType); err != nil {
			return err
		}
	}
	return nil
}

// Cancel cancels the export of a kind in the path of the request (Bulk Data 3.0.0,
// "Bulk Data Delete Request").
func (e *Exports) Cancel(call *endpoint.Call, kind Kind) error {
	id, err := parseID(call)
	if err != nil {
		return err
	}
	export, err := e.config.Store.GetForClient(call.Ctx(), id, call.Client.ID)
	if err == nil && !kind(export.Request) {
		err = jobs.ErrNotFound
	}
	if err == nil {
		err = e.config.Store.Cancel(call.Ctx(), id, call.Client.ID)
	}
	if err != nil {
		return exportProblem(err)
	}
	call.Status(http.StatusAccepted)
	return nil
}

func parseID(call *endpoint.Call) (uuid.UUID, error) {
	id, err := uuid.Parse(call.Param("id"))
	if err != nil || id.String() != call.Param("id") { // other spellings would be logged as other exports
		return uuid.Nil, exportProblem(jobs.ErrNotFound)
	}
	return id, nil
}

func exportProblem(err error) error {
	if errors.Is(err, jobs.ErrNotFound) {
		return problem.NotFound("there is no such export: it does not exist, belongs to another client, or was cancelled")
	}
	return problem.Unavailable(err)
}

// Failure returns the problem of a failed export.
func Failure(export jobs.Export) *problem.Problem {
	return &problem.Problem{Status: http.StatusInternalServerError, Code: "exception", Text: "the export failed: " + export.Failure}
}

// Expired returns the problem of an expired export.
func Expired() error {
	return &problem.Problem{Status: http.StatusGone, Code: "deleted", Text: "the export has expired and its files were deleted; start a new export"}
}

// SetProgress sets the headers of the response about an export that has not ended.
func SetProgress(call *endpoint.Call, export jobs.Export) {
	call.Header("X-Progress", progress(export))
	call.Header("Retry-After", strconv.Itoa(endpoint.Seconds(pollInterval(export.ReadAt.Sub(export.CreatedAt)))))
}

// RequireToken reports whether the links require the client's credentials.
func (e *Exports) RequireToken() bool { return e.config.ProxyFiles }

// minTableLinkLife is how long after the end of an export of tables its links work, at
// least (SQL on FHIR, "Common Operation Behavior").
const minTableLinkLife = 24 * time.Hour

// LinkLife returns how long the links to the files of an export are valid: none is
// valid longer than its file exists. ok is false if the files have expired.
func (e *Exports) LinkLife(export jobs.Export) (life time.Duration, ok bool) {
	if export.State != jobs.Completed {
		return e.config.LinkTTL, true
	}
	left := export.ExpiresAt.Sub(export.ReadAt)
	if left <= 0 {
		return 0, false // although not yet marked as such
	}
	left = max(left, time.Second)
	if e.config.ProxyFiles {
		return left, true
	}
	life = e.config.LinkTTL
	if OfTables(export.Request) {
		life = max(life, minTableLinkLife-export.ReadAt.Sub(*export.FinishedAt))
	}
	return min(life, left), true
}

// SetExpires sets the header for links that are valid for life. They expire, which can
// be before the files do: a later poll renews them.
func SetExpires(call *endpoint.Call, life time.Duration) {
	call.Header("Expires", time.Now().Add(life).UTC().Format(http.TimeFormat))
}
