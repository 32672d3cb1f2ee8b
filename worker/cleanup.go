package worker

import (
	"context"
	"errors"

	"github.com/riverqueue/river"

	"github.com/seed-90096f4d/sluice/jobs"
)

// cleanupWorker deletes the objects of an export.
type cleanupWorker struct {
	river.WorkerDefaults[jobs.CleanupArgs]
	*Worker
}

// Work deletes the objects and records it.
func (w *cleanupWorker) Work(ctx context.Context, job *river.Job[jobs.CleanupArgs]) error {
	err := w.config.Bucket.DeleteUnder(ctx, job.Args.ExportID.String()+"/")
	if err == nil {
		err = w.store.MarkObjectsDeleted(ctx, job.Args.ExportID)
	}
	return withCause(ctx, err)
}

// expireWorker expires completed exports after their retention, and cancels exports of
// expired clients.
type expireWorker struct {
	river.WorkerDefaults[jobs.ExpireArgs]
	*Worker
}

// Work expires and cancels exports.
func (w *expireWorker) Work(ctx context.Context, _ *river.Job[jobs.ExpireArgs]) error {
	_, err := w.store.CancelExpired(ctx)
	return withCause(ctx, errors.Join(w.store.Expire(ctx), err))
}
