package bulk

import (
	"fmt"
	"net/http"

	"github.com/seed-90096f4d/sluice/api/delivery"
	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/jobs"
)

// Status answers GET /fhir/$export-status/<id> (Bulk Data 3.0.0, "Bulk Data Status
// Request").
func (e *Exports) Status(call *endpoint.Call) error {
	call.Event.Omit = true // until there is a manifest
	if err := endpoint.AcceptsJSON(call.Context); err != nil {
		return err
	}
	export, err := e.config.Delivery.Poll(call, delivery.OfResources)
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
		return delivery.Expired()
	}
	delivery.SetProgress(call, export)
	if export.Request.PartialManifests && export.TransactionTime != nil {
		return e.manifest(call, export, page)
	}
	call.Status(pollStatus(call, export, http.StatusAccepted))
	return nil
}

func failure(call *endpoint.Call, export jobs.Export) error {
	failed := delivery.Failure(export)
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
	return e.config.Delivery.Cancel(call, delivery.OfResources)
}
