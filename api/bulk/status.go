package bulk

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/jobs"
)

// Status answers GET /fhir/$export-status/<id> (Bulk Data 3.0.0, "Bulk Data Status
// Request").
func (e *Exports) Status(call *endpoint.Call) error {
	call.Event.Omit = true // until there is a manifest
	if err := endpoint.AcceptsJSON(call.Context); err != nil {
		return err
	}
	if e.pollRate.Take(call.Client.ID+" "+call.Param("id")) > 0 {
		return problem.Throttled("too many status requests for this export", retryPoll)
	}
	export, err := e.ownExport(call)
	if err != nil {
		return err
	}
	page, err := parsePage(call.Context, export)
	if err != nil {
		return err
	}
	switch export.State {
	case jobs.Completed:
		return e.manifest(call, export, page)
	case jobs.Failed:
		return failure(call, export)
	case jobs.Expired:
		return expired()
	}
	call.Header("X-Progress", progress(export))
	call.Header("Retry-After", strconv.Itoa(endpoint.Seconds(pollInterval(export.ReadAt.Sub(export.CreatedAt)))))
	if export.Request.PartialManifests && export.TransactionTime != nil {
		return e.manifest(call, export, page)
	}
	call.Status(pollStatus(call, export, http.StatusAccepted))
	return nil
}

// ownExport returns the export in the path of the request. It must be the client's
// own, and the client's scopes must cover it: they may have been narrowed since the
// kick-off (Bulk Data 3.0.0, "Privacy and Security Considerations").
func (e *Exports) ownExport(call *endpoint.Call) (jobs.Export, error) {
	id, err := parseExportID(call)
	if err != nil {
		return jobs.Export{}, err
	}
	export, err := e.config.Store.GetForClient(call.Ctx(), id, call.Client.ID)
	if err != nil {
		return jobs.Export{}, exportProblem(err)
	}
	return export, call.Require(func(client auth.Client) error { return e.allowExport(client, export.Request) })
}

// allowExport refuses a client whose Groups or scopes do not cover the export.
func (e *Exports) allowExport(client auth.Client, request jobs.Request) error {
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

func failure(call *endpoint.Call, export jobs.Export) error {
	failed := &problem.Problem{Status: http.StatusInternalServerError, Code: "exception", Text: "the export failed: " + export.Failure}
	if !export.Request.SeparateStatus {
		return failed
	}
	endpoint.WriteJSON(call.Context, pollStatus(call, export, failed.Status), endpoint.ContentTypeFHIR, failed.Outcome())
	return nil
}

// pollStatus returns the status of the response to a poll. With the preference
// separate-export-status it is 200, and a header has the status of the export (Bulk
// Data 3.0.0).
func pollStatus(call *endpoint.Call, export jobs.Export, status int) int {
	if !export.Request.SeparateStatus {
		return status
	}
	call.Header("X-Export-Status", fmt.Sprintf("%d %s", status, http.StatusText(status)))
	return http.StatusOK
}

// Cancel answers DELETE /fhir/$export-status/<id> (Bulk Data 3.0.0, "Bulk Data
// Delete Request").
func (e *Exports) Cancel(call *endpoint.Call) error {
	id, err := parseExportID(call)
	if err != nil {
		return err
	}
	if err := e.config.Store.Cancel(call.Ctx(), id, call.Client.ID); err != nil {
		return exportProblem(err)
	}
	call.Status(http.StatusAccepted)
	return nil
}

func parseExportID(call *endpoint.Call) (uuid.UUID, error) {
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

func expired() error {
	return &problem.Problem{Status: http.StatusGone, Code: "deleted", Text: "the export has expired and its files were deleted; start a new export"}
}

// progress returns the part of the work that is done, at most 99 % until the
// manifest exists. It decreases when parts are read again because the object store
// lost their files, and when the export restarts.
func progress(export jobs.Export) string {
	percent := int64(0)
	if export.BytesPlanned > 0 {
		percent = min(export.BytesRead*100/export.BytesPlanned, 99)
	}
	var notes []string
	if export.Generation > 1 {
		notes = append(notes, fmt.Sprintf("restarted, attempt %d", export.Generation))
	}
	if export.WaitingSince != nil {
		notes = append(notes, fmt.Sprintf("waiting since %s: %s", export.WaitingSince.UTC().Format("15:04:05Z"), export.WaitingReason))
	}
	if len(notes) == 0 {
		return fmt.Sprintf("%d%%", percent)
	}
	return fmt.Sprintf("%d%% (%s)", percent, strings.Join(notes, "; "))
}

// The status of an export may be requested pollBurst times at once, as clients do
// that wait for a small export, and then pollsPerSecond times per second. Clients
// are told to poll far less often (Retry-After).
const (
	pollBurst      = 300
	pollsPerSecond = 5

	// retryPoll is the delay after which a client that polls too often may retry.
	retryPoll = 5 * time.Second
)

// pollInterval returns the delay until a client should poll again: a tenth of the
// time that the export has taken so far, between 1 and 30 seconds.
func pollInterval(age time.Duration) time.Duration {
	return min(max(age/10, time.Second), 30*time.Second)
}
