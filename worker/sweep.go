package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/storage"
)

// sweepWorker removes from the bucket what crashes have left there: the objects
// and unfinished uploads of exports that have ended. It goes by the exports that
// the state database knows, so that what others keep in the bucket is safe, and
// forgets those that are long over.
type sweepWorker struct {
	river.WorkerDefaults[jobs.SweepArgs]

	bucket  *storage.Bucket
	history time.Duration
	store   *jobs.Store
}

// Work sweeps first, so that cancelled exports are forgotten at once.
func (w *sweepWorker) Work(ctx context.Context, _ *river.Job[jobs.SweepArgs]) error {
	return ended(ctx, errors.Join(w.sweepAll(ctx), w.forgetAll(ctx)))
}

// sweepAll sweeps batch by batch until nothing is left, or something could not be
// swept: that would be in the next batch too.
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
					break // for all that follow too
				}
			}
		}
	}
	return errors.Join(failed...)
}

func (w *sweepWorker) forgetAll(ctx context.Context) error {
	for {
		if count, err := w.store.DeleteOld(ctx, w.history); err != nil || count == 0 {
			return err
		}
	}
}

func (w *sweepWorker) sweep(ctx context.Context, leftover jobs.UnsweptExport) error {
	remove := w.bucket.DeleteUnder
	if leftover.Completed {
		remove = w.bucket.DeleteUploadsUnder
	}
	if err := remove(ctx, leftover.ID.String()+"/"); err != nil {
		return err
	}
	return w.store.MarkSwept(ctx, leftover)
}
