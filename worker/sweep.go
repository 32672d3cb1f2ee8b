package worker

import (
	"context"
	"errors"
	"fmt"

	"github.com/riverqueue/river"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/storage"
)

// sweepWorker deletes the objects and unfinished uploads that crashes have left in the
// bucket. It looks only at exports of the state database that have ended, so that other
// content of the bucket is safe. Afterwards it deletes the records of exports that are
// older than Config.History.
type sweepWorker struct {
	river.WorkerDefaults[jobs.SweepArgs]
	*Worker
}

// Work sweeps first, because the record of a cancelled export is then deleted at once.
func (w *sweepWorker) Work(ctx context.Context, _ *river.Job[jobs.SweepArgs]) error {
	return withCause(ctx, errors.Join(w.sweepAll(ctx), w.forgetAll(ctx)))
}

// sweepAll sweeps batch by batch until nothing is left, or an export could not be swept:
// it would be in the next batch, too.
func (w *sweepWorker) sweepAll(ctx context.Context) error {
	var failed []error
	for len(failed) == 0 {
		leftovers, err := w.store.Unswept(ctx)
		if err != nil || len(leftovers) == 0 {
			return err
		}
		for _, leftover := range leftovers {
			if err := w.sweep(ctx, leftover); err != nil {
				failed = append(failed, fmt.Errorf("sweep %s: %w", leftover.ID, err))
				if ctx.Err() != nil || errors.Is(err, storage.ErrUnreachable) {
					break // the others would fail, too
				}
			}
		}
	}
	return errors.Join(failed...)
}

// forgetAll deletes the records of old exports.
func (w *sweepWorker) forgetAll(ctx context.Context) error {
	for {
		if count, err := w.store.DeleteOld(ctx, w.config.History); err != nil || count == 0 {
			return err
		}
	}
}

// sweep deletes what is left of one export.
func (w *sweepWorker) sweep(ctx context.Context, leftover jobs.UnsweptExport) error {
	remove := w.config.Bucket.DeleteUnder
	if leftover.State == jobs.Completed {
		remove = w.config.Bucket.DeleteUploadsUnder
	}
	if err := remove(ctx, leftover.ID.String()+"/"); err != nil {
		return err
	}
	return w.store.MarkSwept(ctx, leftover)
}
