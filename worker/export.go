package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/telemetry"
	"github.com/seed-90096f4d/sluice/telemetry/span"
	"github.com/seed-90096f4d/sluice/worker/plan"
)

// exportWorker runs an export from its snapshot to its manifest. It holds the
// snapshot while this process or others read the parts.
type exportWorker struct {
	river.WorkerDefaults[jobs.ExportArgs]
	*Worker

	planner *plan.Planner
}

// Timeout bounds the age of an export, and with it of its snapshot, from the kick-off
// on and over all processes that run it.
func (w *exportWorker) Timeout(job *river.Job[jobs.ExportArgs]) time.Duration {
	return max(job.CreatedAt.Add(w.config.ExportTimeout).Sub(w.config.Clock.Now()), time.Second)
}

// Work runs the export. It is not an error if the export has ended.
func (w *exportWorker) Work(ctx context.Context, job *river.Job[jobs.ExportArgs]) error {
	err := w.run(ctx, job.Args.ExportID, "")
	if errors.Is(err, source.ErrSnapshotGone) && ctx.Err() == nil {
		err = w.runAgain(ctx, job.Args.ExportID, err)
	}
	if errors.Is(err, jobs.ErrStale) || errors.Is(err, jobs.ErrNotFound) {
		return nil
	}
	return withCause(ctx, err)
}

// runAgain runs an export whose snapshot was lost. It does so at once: running parts
// still hold the snapshot, but not for long.
func (w *exportWorker) runAgain(ctx context.Context, id uuid.UUID, lost error) error {
	w.config.Logger.WarnContext(ctx, "snapshot lost", "export", id, "error", lost)
	err := w.run(ctx, id, restartReason(lost))
	if errors.Is(err, jobs.ErrFilesShown) {
		return fmt.Errorf("%w: %w", err, lost) // lost says why the snapshot was needed
	}
	return err
}

// restartReason returns why an export must restart after its snapshot was lost. It is
// empty if the snapshot may be imported from a part, which would not help if a table was
// rewritten or another session waits for it.
func restartReason(lost error) jobs.RestartReason {
	switch {
	case errors.Is(lost, catalog.ErrRewritten):
		return jobs.TableRewritten
	case errors.Is(lost, source.ErrInTheWay):
		return jobs.LockRequested
	}
	return ""
}

// run reads what is left of the export under a lease, and completes it. As with
// parts, completing needs no lease.
func (w *exportWorker) run(ctx context.Context, id uuid.UUID, restart jobs.RestartReason) error {
	export, snapshot, err := w.take(ctx, id, restart)
	if err != nil {
		return err
	}
	traceExport(ctx, export)
	read := export
	held := lease{kind: jobs.ExportArgs{}.Kind(), every: jobs.RenewInterval, renew: func(ctx context.Context) error { return w.store.Renew(ctx, export) }}
	err = w.withLease(ctx, held, func(ctx context.Context) (err error) {
		switch {
		case snapshot != nil:
			read, err = w.resume(ctx, export, snapshot)
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
	w.endWait(ctx, export.ID, true)
	return nil
}

// take makes this process the holder of the export: it resumes the export if a running
// part still holds its snapshot, which it then returns, and begins it otherwise or if
// there is a reason to restart it.
func (w *exportWorker) take(ctx context.Context, id uuid.UUID, restart jobs.RestartReason) (jobs.Export, *source.Snapshot, error) {
	if restart != "" {
		export, err := w.store.Restart(ctx, id, restart)
		return export, nil, err
	}
	export, taken, err := w.store.Resume(ctx, id)
	if err != nil {
		return jobs.Export{}, nil, err
	}
	if taken {
		names := func(ctx context.Context) ([]string, error) { return w.store.Snapshots(ctx, export) }
		snapshot, err := w.config.Source.ImportSnapshot(ctx, names)
		if !errors.Is(err, source.ErrSnapshotGone) {
			return export, snapshot, err
		}
	}
	export, err = w.store.Begin(ctx, id)
	return export, nil, err
}

// resume holds an imported snapshot until all parts have been read. The error is
// catalog.ErrRewritten if a table was changed while no process held the snapshot.
func (w *exportWorker) resume(ctx context.Context, export jobs.Export, snapshot *source.Snapshot) (jobs.Export, error) {
	w.snapshots.add(snapshot, *export.TransactionTime) // or a little later
	defer w.snapshots.close(ctx, snapshot)
	if _, err := plan.LockTables(ctx, export.Request, snapshot); err != nil {
		return export, err
	}
	if err := w.store.SetSnapshot(ctx, export, snapshot.ID); err != nil {
		return export, err
	}
	return w.await(ctx, export, snapshot)
}

// read takes a snapshot, plans the export and holds the snapshot until all parts have
// been read.
func (w *exportWorker) read(ctx context.Context, export jobs.Export) (jobs.Export, error) {
	if err := w.clear(ctx, export); err != nil {
		return export, err
	}
	snapshot, err := w.openSnapshot(ctx)
	if err != nil {
		return export, err
	}
	w.snapshots.add(snapshot, time.Now())
	defer w.snapshots.close(ctx, snapshot)
	telemetry.Observe(ctx, w.metrics.lag, snapshot.Lag.Seconds())

	if snapshot.Estimated {
		w.config.Logger.InfoContext(ctx, "commit margin applied to transactionTime", "export", export.ID, "transactionTime", snapshot.TransactionTime)
	}
	planned, err := w.plan(ctx, export, snapshot)
	if err != nil {
		return export, err
	}
	if err := w.store.Start(ctx, export, planned); err != nil {
		return export, err
	}
	w.endWait(ctx, export.ID, false)
	return w.await(ctx, export, snapshot)
}

// openSnapshot takes a snapshot of the source.
func (w *exportWorker) openSnapshot(ctx context.Context) (*source.Snapshot, error) {
	ctx, s := span.Start(ctx, "open snapshot")
	snapshot, err := w.config.Source.OpenSnapshot(ctx)
	span.End(s, err)
	return snapshot, err
}

// plan plans the export under the snapshot.
func (w *exportWorker) plan(ctx context.Context, export jobs.Export, snapshot *source.Snapshot) (jobs.Plan, error) {
	ctx, s := span.Start(ctx, "plan")
	planned, err := w.planner.Plan(ctx, export, snapshot)
	if s.IsRecording() {
		s.SetAttributes(span.Parts.Int(len(planned.Parts)), span.Bytes.Int64(planned.Bytes()))
	}
	span.End(s, err)
	return planned, err
}

// clear deletes the objects of an earlier generation, which show another snapshot. It
// keeps the objects of a process that has taken over the export meanwhile.
func (w *exportWorker) clear(ctx context.Context, export jobs.Export) error {
	if export.Generation == 1 {
		return nil
	}
	return span.Do(ctx, "delete files of the former generation", func(ctx context.Context) error {
		return w.store.WhileHeld(ctx, export, func(ctx context.Context) error {
			return w.config.Bucket.DeleteUnder(ctx, export.ID.String()+"/")
		})
	})
}

// await returns when all parts have been read and the bucket holds their files. Files
// that it does not hold are read again. The error is source.ErrSnapshotGone if the
// snapshot is lost before.
func (w *exportWorker) await(ctx context.Context, export jobs.Export, snapshot *source.Snapshot) (jobs.Export, error) {
	for {
		read := export
		err := span.Do(ctx, "await parts", func(ctx context.Context) error {
			return snapshot.While(span.Quiet(ctx), func(ctx context.Context) (err error) {
				read, err = w.store.AwaitParts(ctx, export)
				return err
			})
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

// checkRead checks the files of an export whose parts were all read before its former
// process died. The snapshot is lost, so that damaged files require another.
func (w *exportWorker) checkRead(ctx context.Context, export jobs.Export) error {
	repaired, err := w.repair(ctx, export)
	if err == nil && repaired {
		err = fmt.Errorf("%w: %w", jobs.ErrDamaged, source.ErrSnapshotGone)
	}
	return err
}
