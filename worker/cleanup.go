package worker

import (
	"context"
	"errors"

	"github.com/riverqueue/river"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/storage"
)

// cleanupWorker removes what an export has stored.
type cleanupWorker struct {
	river.WorkerDefaults[jobs.CleanupArgs]

	bucket *storage.Bucket
	store  *jobs.Store
}

func (w *cleanupWorker) Work(ctx context.Context, job *river.Job[jobs.CleanupArgs]) error {
	err := w.bucket.DeleteUnder(ctx, job.Args.ExportID.String()+"/")
	if err == nil {
		err = w.store.MarkObjectsDeleted(ctx, job.Args.ExportID)
	}
	return ended(ctx, err)
}

// expireWorker ends the life of exports that were kept long enough, and cancels
// those of clients that have expired.
type expireWorker struct {
	river.WorkerDefaults[jobs.ExpireArgs]

	store *jobs.Store
}

func (w *expireWorker) Work(ctx context.Context, _ *river.Job[jobs.ExpireArgs]) error {
	_, err := w.store.CancelExpired(ctx)
	return ended(ctx, errors.Join(w.store.Expire(ctx), err))
}
