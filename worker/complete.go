package worker

import (
	"bytes"
	"context"
	"fmt"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/worker/stage"
)

// complete completes an export whose parts are all done and whose files the bucket
// holds.
func (w *exportWorker) complete(ctx context.Context, export jobs.Export) error {
	// Before Complete, whose transaction should not need a second connection.
	files, err := w.store.Files(ctx, export.ID)
	if err != nil {
		return err
	}
	return w.store.Complete(ctx, export, w.config.Retention, func(ctx context.Context) error {
		if err := w.writeWarnings(ctx, export); err != nil {
			return err
		}
		return w.writeManifest(ctx, export, files)
	})
}

// writeManifest stores the manifest for readers of the bucket: as the client gets it,
// with object keys instead of links.
func (w *exportWorker) writeManifest(ctx context.Context, export jobs.Export, files jobs.Files) error {
	var document bytes.Buffer
	err := export.WriteManifest(&document, files, jobs.ManifestOptions{
		URL: func(file jobs.File) (string, error) { return file.ObjectKey, nil },
	})
	if err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	return w.upload(ctx, export.ID.String()+"/"+jobs.ManifestName, document.Bytes())
}

// writeWarnings stores the warnings of the kick-off and of the plan, an outcome for
// each (Bulk Data 3.0.0, "Response - Output Manifest", error).
func (w *exportWorker) writeWarnings(ctx context.Context, export jobs.Export) error {
	if len(export.Request.Warnings)+len(export.Warnings) == 0 {
		return nil
	}
	var outcomes stage.Outcomes
	for _, warning := range export.Request.Warnings {
		warning.Text += "; the export continued without it"
		outcomes.Warn(warning)
	}
	for _, warning := range export.Warnings {
		outcomes.Warn(warning)
	}
	files, err := outcomes.Stage(ctx, w.config.Bucket, jobs.WarningsKey(export.ID))
	if err != nil {
		return err
	}
	return files.Publish(ctx)
}
