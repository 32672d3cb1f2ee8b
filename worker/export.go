package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source"
)

// exportWorker carries an export from its snapshot to its manifest. It holds
// the snapshot while parts are read, here or in other processes.
type exportWorker struct {
	river.WorkerDefaults[jobs.ExportArgs]

	config Config
	store  *jobs.Store
}

// Timeout bounds the life of an export and its snapshot.
func (w *exportWorker) Timeout(*river.Job[jobs.ExportArgs]) time.Duration { return w.config.MaxAge }

// Work runs the export. One that has ended meanwhile needs no more.
func (w *exportWorker) Work(ctx context.Context, job *river.Job[jobs.ExportArgs]) error {
	err := w.run(ctx, job.Args)
	if errors.Is(err, jobs.ErrOver) || errors.Is(err, jobs.ErrNotFound) {
		return nil
	}
	return ended(ctx, err)
}

// run does what the export still lacks and keeps it from others meanwhile.
func (w *exportWorker) run(ctx context.Context, args jobs.ExportArgs) error {
	export, err := w.store.Begin(ctx, args.ExportID)
	if err != nil {
		return err
	}
	renew := func(ctx context.Context) error { return w.store.Renew(ctx, export) }
	return leased(ctx, jobs.RenewEvery, w.config.Logger, renew, func(ctx context.Context) error {
		read := export
		if !export.AllRead() {
			if read, err = w.read(ctx, export); err != nil {
				return err
			}
		}
		// Before Complete, whose transaction should need no second connection.
		files, err := w.store.Files(ctx, export.ID)
		if err != nil {
			return err
		}
		return w.store.Complete(ctx, read, w.config.Retention, func(ctx context.Context) error {
			return w.writeManifest(ctx, read, files)
		})
	})
}

// read holds a snapshot until all parts of the export have been read from it.
func (w *exportWorker) read(ctx context.Context, export jobs.Export) (jobs.Export, error) {
	// What an earlier generation has stored shows another snapshot.
	if err := w.config.Bucket.DeleteUnder(ctx, export.ID.String()+"/"); err != nil {
		return export, err
	}
	snapshot, err := w.config.Source.OpenSnapshot(ctx)
	if err != nil {
		return export, err
	}
	defer closeSnapshot(ctx, snapshot)

	plan, err := w.plan(ctx, export, snapshot)
	if err != nil {
		return export, err
	}
	if err := w.store.Start(ctx, export.ID, export.Generation, plan); err != nil {
		return export, err
	}
	return w.store.Await(ctx, export.ID, export.Generation, snapshot.Alive)
}

// closeSnapshot lets go of the snapshot though ctx may have ended. If the
// server can't be told, the broken connection tells it.
func closeSnapshot(ctx context.Context, snapshot *source.Snapshot) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = snapshot.Close(ctx)
}

// writeManifest stores the manifest for those who read the bucket: as the
// client gets it, with object keys instead of links.
func (w *exportWorker) writeManifest(ctx context.Context, export jobs.Export, files jobs.Files) error {
	manifest, err := export.Manifest(files, func(file jobs.File) (string, error) { return file.ObjectKey, nil })
	if err != nil {
		return err
	}
	var document bytes.Buffer
	encoder := json.NewEncoder(&document)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(manifest); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	_, err = w.config.Bucket.Upload(ctx, export.ID.String()+"/"+jobs.ManifestName, &document)
	return err
}
