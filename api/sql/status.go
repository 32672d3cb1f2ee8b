package sql

import (
	"io"
	"net/http"

	"github.com/seed-90096f4d/sluice/api/delivery"
	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/jobs/manifest"
)

// Status answers GET /fhir/$sql-export/<id>/status: 202 until the export has ended, well
// or badly, and then 303 to its result.
func (v *Views) Status(call *endpoint.Call) error {
	call.Event.Omit = true
	export, err := v.config.Delivery.Poll(call, delivery.OfTables)
	if err != nil {
		return err
	}
	id := export.ID.String()
	switch export.State {
	case jobs.Completed, jobs.Failed:
		call.Header("Location", resultURL(call, id))
		call.Status(http.StatusSeeOther)
		return nil
	case jobs.Expired:
		return delivery.Expired()
	}
	delivery.SetProgress(call, export)
	status := "in-progress"
	if export.State == jobs.Accepted {
		status = "accepted"
	}
	endpoint.WriteJSON(call.Context, http.StatusAccepted, endpoint.ContentTypeFHIR, interim(id, export.Request.Tables.TrackingID, status, statusURL(call, id)))
	return nil
}

// Cancel answers DELETE /fhir/$sql-export/<id>/status.
func (v *Views) Cancel(call *endpoint.Call) error {
	return v.config.Delivery.Cancel(call, delivery.OfTables)
}

// Result answers GET /fhir/$sql-export/<id>/result: the outputs of a completed export with
// links that are signed for this response, or why it failed.
func (v *Views) Result(call *endpoint.Call) error {
	call.Event.Omit = true // until there is a manifest
	export, err := v.config.Delivery.Poll(call, delivery.OfTables)
	if err != nil {
		return err
	}
	switch export.State {
	case jobs.Completed:
		return v.sendResult(call, export)
	case jobs.Failed:
		return delivery.Failure(export)
	case jobs.Expired:
		return delivery.Expired()
	}
	return problem.NotFound("the export has no result yet: it has not ended")
}

func (v *Views) sendResult(call *endpoint.Call, export jobs.Export) error {
	life, ok := v.config.Delivery.LinkLife(export)
	if !ok {
		return delivery.Expired()
	}
	if err := v.config.Exports.CheckLocation(call.Ctx()); err != nil {
		return problem.Unavailable(err) // the links would lead to the former location
	}
	files, err := v.config.Exports.Files(call.Ctx(), export.ID)
	if err != nil {
		return problem.Unavailable(err)
	}
	delivery.SetExpires(call, life)
	call.Header("Content-Type", endpoint.FHIRType(call.Context))
	call.Status(http.StatusOK)
	return v.config.Delivery.SendManifest(call, export, files, life, func(w io.Writer, link func(jobs.File) (string, error)) error {
		return manifest.WriteTables(w, export, files, manifest.Options{StatusURL: statusURL(call, export.ID.String()), URL: link})
	})
}
