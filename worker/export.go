package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/jobs/manifest"
	"github.com/seed-90096f4d/sluice/source"
)

// exportWorker carries an export from its snapshot to its manifest. It holds
// the snapshot while parts are read, here or in other processes.
type exportWorker struct {
	river.WorkerDefaults[jobs.ExportArgs]

	config Config
	gate   *gate
	store  *jobs.Store
}

// Timeout bounds the life of an export and its snapshot, from the kick-off on
// and over all processes that take it in turn.
func (w *exportWorker) Timeout(job *river.Job[jobs.ExportArgs]) time.Duration {
	return max(job.CreatedAt.Add(w.config.MaxAge).Sub(w.config.Clock.Now()), time.Second)
}

// Work runs the export. One that has ended meanwhile needs no more.
func (w *exportWorker) Work(ctx context.Context, job *river.Job[jobs.ExportArgs]) error {
	err := w.run(ctx, job.Args.ExportID, w.take)
	if errors.Is(err, source.ErrSnapshotGone) && ctx.Err() == nil {
		err = w.runAgain(ctx, job.Args.ExportID, err)
	}
	if errors.Is(err, jobs.ErrStale) || errors.Is(err, jobs.ErrNotFound) {
		return nil
	}
	if isForOthers(err) {
		return w.gate.giveBack(ctx, job.JobRow, err)
	}
	return ended(ctx, err)
}

// takeFunc makes this process the one that carries the export.
type takeFunc func(context.Context, uuid.UUID) (jobs.Export, *source.Snapshot, error)

// runAgain runs an export whose snapshot was lost. This is done at once: the
// parts that are being read have the snapshot, but not for long.
func (w *exportWorker) runAgain(ctx context.Context, id uuid.UUID, lost error) error {
	w.config.Logger.WarnContext(ctx, "snapshot lost", "export", id, "error", lost)
	take := w.take
	if errors.Is(lost, source.ErrRewritten) || errors.Is(lost, source.ErrInTheWay) {
		take = w.begin // what the parts have is of no use, or in the way too
	}
	err := w.run(ctx, id, take)
	if errors.Is(err, jobs.ErrFilesShown) {
		return fmt.Errorf("%w: %w", err, lost) // which says what the snapshot was needed for
	}
	return err
}

// run does what the export still lacks on a lease and completes it. As with parts,
// completing needs no lease.
func (w *exportWorker) run(ctx context.Context, id uuid.UUID, take takeFunc) error {
	export, snapshot, err := take(ctx, id)
	if err != nil {
		return err
	}
	read := export
	renew := func(ctx context.Context) error { return w.store.Renew(ctx, export) }
	err = leased(ctx, jobs.RenewInterval, w.config.Logger, renew, func(ctx context.Context) (err error) {
		switch {
		case snapshot != nil:
			read, err = w.goOn(ctx, export, snapshot)
		case !export.AllPartsDone():
			read, err = w.read(ctx, export)
		default:
			err = w.checkRead(ctx, export)
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := w.complete(ctx, read); err != nil {
		return err
	}
	endWait(ctx, w.store, w.config.Logger, export.ID, true)
	return nil
}

// take begins the export, or goes on with one whose holder is gone, if a part
// of it still keeps the snapshot alive. Only then the snapshot is not nil.
func (w *exportWorker) take(ctx context.Context, id uuid.UUID) (jobs.Export, *source.Snapshot, error) {
	export, taken, err := w.store.Resume(ctx, id)
	if err != nil {
		return jobs.Export{}, nil, err
	}
	if !taken {
		return w.begin(ctx, id)
	}
	names := func(ctx context.Context) ([]string, error) { return w.store.Snapshots(ctx, export) }
	snapshot, err := w.config.Source.ImportSnapshot(ctx, names)
	if errors.Is(err, source.ErrSnapshotGone) {
		return w.begin(ctx, id)
	}
	return export, snapshot, err
}

// begin begins the export, or begins it anew.
func (w *exportWorker) begin(ctx context.Context, id uuid.UUID) (jobs.Export, *source.Snapshot, error) {
	export, err := w.store.Begin(ctx, id)
	return export, nil, err
}

// goOn holds an adopted snapshot until the remaining parts have been read, and
// no longer.
// source.ErrRewritten if they can't be: from the death of the former holder to
// now, nobody kept the tables as they are.
func (w *exportWorker) goOn(ctx context.Context, export jobs.Export, snapshot *source.Snapshot) (jobs.Export, error) {
	defer closeSnapshot(ctx, snapshot)
	if _, err := holdTables(ctx, export, snapshot); err != nil {
		return export, err
	}
	if err := w.store.SetSnapshot(ctx, export, snapshot.ID); err != nil {
		return export, err
	}
	return w.await(ctx, export, snapshot)
}

// read holds a snapshot until all parts of the export have been read from it.
func (w *exportWorker) read(ctx context.Context, export jobs.Export) (jobs.Export, error) {
	if err := w.clear(ctx, export); err != nil {
		return export, err
	}
	snapshot, err := w.config.Source.OpenSnapshot(ctx)
	if err != nil {
		return export, err
	}
	defer closeSnapshot(ctx, snapshot)

	if snapshot.Estimated {
		w.config.Logger.InfoContext(ctx, "transactionTime is earlier by the commit margin: not every open transaction can be seen",
			"export", export.ID, "transactionTime", snapshot.TransactionTime)
	}
	plan, err := w.plan(ctx, export, snapshot)
	if err != nil {
		return export, err
	}
	if err := w.store.Start(ctx, export, plan); err != nil {
		return export, err
	}
	endWait(ctx, w.store, w.config.Logger, export.ID, false)
	return w.await(ctx, export, snapshot)
}

// clear removes what an earlier generation has stored: it shows another
// snapshot. A process that comes here late, when another has taken the export,
// must not remove what that one has stored.
func (w *exportWorker) clear(ctx context.Context, export jobs.Export) error {
	if export.Generation == 1 {
		return nil
	}
	return w.store.WhileHeld(ctx, export, func(ctx context.Context) error {
		return w.config.Bucket.DeleteUnder(ctx, export.ID.String()+"/")
	})
}

// await returns when all parts have been read and the bucket holds their files.
// Files that the bucket does not hold are read again while the snapshot lasts.
// It fails when the snapshot is gone.
func (w *exportWorker) await(ctx context.Context, export jobs.Export, snapshot *source.Snapshot) (jobs.Export, error) {
	for {
		read := export
		err := watched(ctx, snapshot, func(ctx context.Context) (err error) {
			read, err = w.store.AwaitParts(ctx, export)
			return err
		})
		if err != nil {
			return read, err
		}
		repaired, err := w.repair(ctx, read)
		if err != nil || !repaired {
			return read, err
		}
	}
}

// checkRead checks the files of an export that was read by a process that died.
// Nobody holds the snapshot any more, so that damaged files need another.
func (w *exportWorker) checkRead(ctx context.Context, export jobs.Export) error {
	repaired, err := w.repair(ctx, export)
	if err == nil && repaired {
		err = fmt.Errorf("%w: %w", jobs.ErrDamaged, source.ErrSnapshotGone)
	}
	return err
}

// watched does work for which the snapshot must be there; it ends when that is
// gone.
func watched(ctx context.Context, snapshot *source.Snapshot, work func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel(nil)

	watching.Go(func() { cancel(snapshot.Watch(ctx)) })
	return ended(ctx, work(ctx))
}

// complete ends an export whose parts are all done and whose files the bucket
// holds.
func (w *exportWorker) complete(ctx context.Context, export jobs.Export) error {
	// Before Complete, whose transaction should need no second connection.
	files, err := w.store.Files(ctx, export.ID)
	if err != nil {
		return err
	}
	warnings, err := w.stageWarnings(ctx, export)
	if err != nil {
		return err
	}
	files.Add(warnings.files...)
	err = w.store.Complete(ctx, export, w.config.Retention, warnings.files, func(ctx context.Context) error {
		if err := w.publishChecked(ctx, warnings); err != nil {
			return err
		}
		return w.writeManifest(ctx, export, files)
	})
	if err != nil {
		return errors.Join(err, warnings.discard(ctx))
	}
	return nil
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
	var document bytes.Buffer
	err := manifest.Write(&document, export, files, manifest.Options{
		URL: func(file jobs.File) (string, error) { return file.ObjectKey, nil },
	})
	if err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	return w.upload(ctx, export.ID.String()+"/"+manifest.Name, document.Bytes())
}
