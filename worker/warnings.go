package worker

import (
	"context"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/jobs"
)

// writeWarnings stores what the kick-off was carried on without: an outcome for
// each (Bulk Data 3.0.0, "Response - Output Manifest", error).
func (w *exportWorker) writeWarnings(ctx context.Context, export jobs.Export) error {
	if len(export.Request.Warnings) == 0 {
		return nil
	}
	var warnings outcomes
	for _, warning := range export.Request.Warnings {
		issue := fhir.OutcomeIssue{Code: warning.Code, Diagnostics: warning.Text + "; the export went on without"}
		if warning.Parameter != "" {
			issue.Expression = []string{warning.Parameter}
		}
		warnings.write(issue)
	}
	packed, err := warnings.pack()
	if err != nil {
		return err
	}
	return w.upload(ctx, jobs.WarningsKey(export.ID), packed.Bytes())
}
