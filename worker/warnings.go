package worker

import (
	"context"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/storage"
)

// stageWarnings uploads the file of the export's warnings, if there are any: an
// outcome for each thing that the kick-off asked for or the source has and the
// export lacks (Bulk Data 3.0.0, "Response - Output Manifest", error).
func (w *exportWorker) stageWarnings(ctx context.Context, export jobs.Export) (written, error) {
	if len(export.Request.Warnings)+len(export.Warnings) == 0 {
		return written{}, nil
	}
	var warnings outcomes
	for _, warning := range export.Request.Warnings {
		warning.Text += "; the export went on without"
		warnings.warn(warning)
	}
	for _, warning := range export.Warnings {
		warnings.warn(warning)
	}
	file, staged, err := warnings.stage(ctx, w.config.Bucket, jobs.WarningsKey(export.ID))
	if err != nil {
		return written{}, err
	}
	return written{files: []jobs.File{file}, staged: []*storage.Staged{staged}}, nil
}

// warn adds a warning.
func (o *outcomes) warn(warning jobs.Warning) {
	issue := fhir.OutcomeIssue{Code: warning.Code, Diagnostics: warning.Text}
	if warning.Parameter != "" {
		issue.Expression = []string{warning.Parameter}
	}
	o.write(issue)
}
