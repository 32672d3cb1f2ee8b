package worker

import (
	"bytes"
	"context"
	"fmt"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/jobs/manifest"
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
	warnings, content, err := warningsFile(export)
	if err != nil {
		return err
	}
	files.Add(warnings...)
	err = w.store.Complete(ctx, export, w.config.Retention, warnings, func(ctx context.Context, completed jobs.Export) (err error) {
		for i, file := range warnings {
			if warnings[i].ETag, err = w.upload(ctx, file.ObjectKey, content); err != nil {
				return err
			}
		}
		return w.writeManifest(ctx, completed, files)
	})
	if err == nil {
		w.metrics.countFiles(warnings)
	}
	return err
}

// warningsFile returns the file of the warnings of the kick-off and of the plan, an
// outcome for each, and its content (Bulk Data 3.0.0, "Response - Output Manifest",
// error). Without warnings there is no file.
func warningsFile(export jobs.Export) ([]jobs.File, []byte, error) {
	if len(export.Request.Warnings)+len(export.Warnings) == 0 {
		return nil, nil, nil
	}
	var outcomes stage.Outcomes
	for _, warning := range export.Request.Warnings {
		warning.Text += "; the export continued without it"
		outcomes.Warn(warning)
	}
	for _, warning := range export.Warnings {
		outcomes.Warn(warning)
	}
	file, content, err := outcomes.File(jobs.WarningsKey(export.ID))
	return []jobs.File{file}, content, err
}

// writeManifest stores the manifest for readers of the bucket: as the client gets it,
// with object keys instead of links.
func (w *exportWorker) writeManifest(ctx context.Context, export jobs.Export, files jobs.Files) error {
	write := manifest.Write
	if export.Request.Tables != nil {
		write = manifest.WriteTables
	}
	var document bytes.Buffer
	err := write(&document, export, files, manifest.Options{
		URL: func(file jobs.File) (string, error) { return file.ObjectKey, nil },
	})
	if err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	_, err = w.upload(ctx, export.ID.String()+"/"+manifest.Name, document.Bytes())
	return err
}
