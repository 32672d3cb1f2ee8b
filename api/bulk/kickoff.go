package bulk

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/audit"
	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/jobs"
)

// KickOff returns the handler of GET and POST …/$export at a level: an export of all
// resources, of the compartments of all patients or of the given ones, or of those of
// the members of the Group in the path.
func (e *Exports) KickOff(level jobs.Level) endpoint.Handler {
	return func(call *endpoint.Call) error {
		if err := e.TakeKickOff(call.Client); err != nil {
			return err
		}
		request, err := e.buildRequest(call, level, call.Param("id"))
		if err != nil {
			e.RefundKickOff(call.Client)
			return err
		}
		return e.Accept(call, request, appliedPreferences(call.Context))
	}
}

// TakeKickOff counts a kick-off of the client, or refuses it if there were too
// many.
func (e *Exports) TakeKickOff(client auth.Client) error {
	if wait := e.kickOffRate.TakePerMinute(client.ID, client.Rates.KickOffs.OrDefault(e.config.KickOffsPerMinute)); wait > 0 {
		return problem.Throttled("too many kick-offs by this client", wait)
	}
	return nil
}

// RefundKickOff undoes TakeKickOff for a kick-off that is refused.
func (e *Exports) RefundKickOff(client auth.Client) { e.kickOffRate.Refund(client.ID) }

// Accept records an export and answers with the address of its status (Bulk Data
// 3.0.0, "Response - Success") and the preferences that were applied.
func (e *Exports) Accept(call *endpoint.Call, request jobs.Request, preferences []string) error {
	request.URL = call.BaseURL + call.Request.URL.RequestURI() // of a POST without its parameters
	id, err := e.config.Store.Accept(call.Ctx(), call.Client.ID, request)
	var limit *jobs.LimitError
	if errors.As(err, &limit) {
		return limitReached(limit)
	}
	if err != nil {
		return problem.Unavailable(err)
	}
	call.Event.Action, call.Event.Export, call.Event.Types = audit.KickOff, id.String(), request.Types
	location := call.BaseURL + StatusPath + id.String()
	call.Header("Content-Location", location)
	if len(preferences) > 0 {
		call.Header("Preference-Applied", strings.Join(preferences, ", "))
	}
	endpoint.WriteJSON(call.Context, http.StatusAccepted, endpoint.ContentTypeFHIR, fhir.NewOutcome(fhir.OutcomeIssue{
		Severity: "information", Code: "informational", Diagnostics: "export accepted; status: " + location,
	}))
	return nil
}

// Delays after which a client may retry a kick-off that a limit has refused: the
// number of running exports, and what the client keeps in the object store.
const (
	retryRunning = 30 * time.Second
	retryStored  = 5 * time.Minute
)

// limitReached refuses a kick-off that exceeds a limit, and names the remedy.
func limitReached(limit *jobs.LimitError) error {
	if limit.Stored {
		return problem.Throttled(limit.Error()+"; delete exports that are no longer needed (DELETE on their status URL), or wait until they expire", retryStored)
	}
	return problem.Throttled(limit.Error()+"; retry when one has finished", retryRunning)
}

// appliedPreferences returns the preferences of the request that an $export applies
// (RFC 7240).
func appliedPreferences(c *gin.Context) (preferences []string) {
	for _, preference := range []string{endpoint.RespondAsync, endpoint.SeparateStatus} {
		if endpoint.Prefers(c, preference) {
			preferences = append(preferences, preference)
		}
	}
	if endpoint.PrefersLenient(c) {
		preferences = append(preferences, endpoint.Lenient)
	}
	return preferences
}
