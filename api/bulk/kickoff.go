package bulk

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/jobs"
)

// KickOff returns the handler of GET and POST …/$export at a level: an export of all
// resources, of the compartments of all patients or of the given ones, or of those of
// the members of the Group in the path.
func (e *Exports) KickOff(level jobs.Level) endpoint.Handler {
	return func(call *endpoint.Call) error {
		if err := e.config.Delivery.TakeKickOff(call.Client); err != nil {
			return err
		}
		request, err := e.buildRequest(call, level, call.Param("id"))
		if err != nil {
			e.config.Delivery.RefundKickOff(call.Client)
			return err
		}
		return e.Accept(call, request, appliedPreferences(call.Context))
	}
}

// Accept records an export and answers with the address of its status (Bulk Data
// 3.0.0, "Response - Success") and the preferences that were applied.
func (e *Exports) Accept(call *endpoint.Call, request jobs.Request, preferences []string) error {
	id, err := e.config.Delivery.Accept(call, request)
	if err != nil {
		return err
	}
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
