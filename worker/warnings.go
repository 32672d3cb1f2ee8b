package worker

import (
	"context"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/jobs"
)

// writeWarnings stores what the export lacks, of what the kick-off asked for and of
// what the source has: an outcome for each (Bulk Data 3.0.0, "Response - Output
// Manifest", error).
func (w *exportWorker) writeWarnings(ctx context.Context, export jobs.Export) error {
	if len(export.Request.Warnings)+len(export.Warnings) == 0 {
		return nil
	}
	var warnings outcomes
	for _, warning := range export.Request.Warnings {
		warning.Text += "; the export went on without"
		warnings.warn(warning)
	}
	for _, warning := range export.Warnings {
		warnings.warn(warning)
	}
	packed, err := warnings.pack()
	if err != nil {
		return err
	}
	return w.upload(ctx, jobs.WarningsKey(export.ID), packed.Bytes())
}

// warn adds a warning.
func (o *outcomes) warn(warning jobs.Warning) {
	issue := fhir.OutcomeIssue{Code: warning.Code, Diagnostics: warning.Text}
	if warning.Parameter != "" {
		issue.Expression = []string{warning.Parameter}
	}
	o.write(issue)
}
