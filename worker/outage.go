package worker

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/seed-90096f4d/sluice/jobs"
)

// endWait records that the export makes progress. Unless it wrote something, a wait for
// the object store continues. An error is only logged: the next progress ends the wait.
func (w *Worker) endWait(ctx context.Context, id uuid.UUID, wrote bool) {
	continuing := storeReasons
	if wrote {
		continuing = []string{}
	}
	switch waited, ends, err := w.store.EndWait(ctx, id, continuing); {
	case err != nil && ctx.Err() == nil:
		w.config.Logger.WarnContext(ctx, "could not record the end of a wait", "export", id, "error", err)
	case ends:
		w.config.Logger.InfoContext(ctx, "export no longer waiting", "export", id, "waited", waited.Round(time.Second).String())
	}
}

// failWaiting fails an export that has waited longer than the limit.
func (w *Worker) failWaiting(ctx context.Context, id uuid.UUID, reason string) error {
	reason += "; gave up after " + w.config.OutageLimit.String()
	return w.store.FailWaiting(ctx, id, reason)
}

// failIdle fails the exports that no process runs and that have waited longer than the
// limit or are too old.
func (w *Worker) failIdle(ctx context.Context) error {
	// A process that runs an export fails it itself when it becomes too old.
	idle, waiting, err := w.store.IdleExports(ctx, w.config.ExportTimeout+jobs.LeaseTime)
	if err != nil {
		return err
	}
	w.metrics.waiting.Set(float64(waiting))
	for _, export := range idle {
		var err error
		switch {
		case export.Age > w.config.ExportTimeout:
			err = w.store.Fail(ctx, export.ID, reasonTimeout)
		case export.Waited > w.config.OutageLimit:
			err = w.failWaiting(ctx, export.ID, export.Reason)
		}
		if err != nil && !errors.Is(err, jobs.ErrStale) {
			return err
		}
	}
	return nil
}
