package worker

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/seed-90096f4d/sluice/jobs"
)

const (
	// minBackoff and maxBackoff bound how long a job is snoozed in an outage. In
	// between it is half of the time that its export has waited so far.
	minBackoff = time.Second
	maxBackoff = 15 * time.Second
)

// outageMiddleware is a middleware of River. It snoozes jobs during an outage, without
// counting an attempt, and stops a process that cannot run its jobs.
type outageMiddleware struct {
	river.MiddlewareDefaults

	config Config
	health *health
	metric *metrics
	store  *jobs.Store
}

var _ rivertype.WorkerMiddleware = (*outageMiddleware)(nil)

// Work runs the job.
func (m *outageMiddleware) Work(ctx context.Context, job *rivertype.JobRow, doInner func(context.Context) error) error {
	err := doInner(ctx)
	if err == nil || !carriesExport(job) {
		return err
	}
	if ctx.Err() != nil {
		// ctx may have ended only after the job failed. Without the cause, River would
		// count an attempt.
		return withCause(ctx, err)
	}
	f := diagnose(ctx, m.config.Source, classify(err))
	if f.kind == unhealthy {
		m.health.fail(ctx, err)
	}
	if f.kind != outage && f.kind != unhealthy {
		return err
	}
	return m.wait(ctx, job, f.reason, err)
}

// wait records that the export waits, and returns the error that makes River snooze the
// job. An export that has waited longer than the limit fails.
func (m *outageMiddleware) wait(ctx context.Context, job *rivertype.JobRow, reason string, cause error) error {
	if reason == "" {
		return river.JobSnooze(backoff(0))
	}
	attempt, err := jobs.NewAttempt(job)
	if err != nil {
		return errors.Join(err, cause)
	}
	// The context of a job in an unhealthy process ends soon.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), diagnoseTimeout)
	defer cancel()
	waited, begins, err := m.store.RecordWait(ctx, attempt, reason)
	switch {
	case errors.Is(err, jobs.ErrStale):
		return nil // another attempt has the job, or the export has ended
	case err != nil: // the state database is unreachable, too
		return river.JobSnooze(backoff(0))
	case begins:
		m.metric.waits.WithLabelValues(reason).Inc()
		m.config.Logger.WarnContext(ctx, "export waiting", "export", attempt.ExportID, "reason", reason, "error", cause)
	}
	if waited > m.config.OutageLimit {
		err := failWaiting(ctx, m.store, m.config.Logger, attempt.ExportID, reason, m.config.OutageLimit, waited)
		if err == nil || errors.Is(err, jobs.ErrStale) {
			return nil
		}
	}
	return river.JobSnooze(backoff(waited))
}

// backoff returns how long to snooze a job of an export that has waited so far.
func backoff(waited time.Duration) time.Duration {
	next := min(max(waited/2, minBackoff), maxBackoff)
	return next + rand.N(next/4)
}

// endWait records that the export makes progress. Unless it wrote something, a wait for
// the object store continues. An error is only logged: the next progress ends the wait.
func endWait(ctx context.Context, store *jobs.Store, logger *slog.Logger, id uuid.UUID, wrote bool) {
	continuing := storeReasons
	if wrote {
		continuing = []string{}
	}
	switch waited, ends, err := store.EndWait(ctx, id, continuing); {
	case err != nil && ctx.Err() == nil:
		logger.WarnContext(ctx, "could not record the end of a wait", "export", id, "error", err)
	case ends:
		logger.InfoContext(ctx, "export no longer waiting", "export", id, "waited", waited.Round(time.Second).String())
	}
}

// failWaiting fails an export that has waited longer than the limit.
func failWaiting(ctx context.Context, store *jobs.Store, logger *slog.Logger, id uuid.UUID, reason string, limit, waited time.Duration) error {
	reason += "; gave up after " + limit.String()
	err := store.FailWaiting(ctx, id, reason)
	if err == nil {
		logger.ErrorContext(ctx, "export failed", "export", id, "reason", reason, "waited", waited.Round(time.Second).String())
	}
	return err
}

// failIdle fails the exports that no process runs and that have waited longer than the
// limit or are too old.
func failIdle(ctx context.Context, cfg Config, metric *metrics, store *jobs.Store) error {
	// A process that runs an export fails it itself when it becomes too old.
	idle, waiting, err := store.IdleExports(ctx, cfg.MaxAge+jobs.LeaseTime)
	if err != nil {
		return err
	}
	metric.waiting.Set(float64(waiting))
	for _, export := range idle {
		var err error
		switch {
		case export.Age > cfg.MaxAge:
			err = failOld(ctx, cfg.Logger, store, export)
		case export.Waited > cfg.OutageLimit:
			err = failWaiting(ctx, store, cfg.Logger, export.ID, export.Reason, cfg.OutageLimit, export.Waited)
		}
		if err != nil && !errors.Is(err, jobs.ErrStale) {
			return err
		}
	}
	return nil
}

// failOld fails an export that is too old.
func failOld(ctx context.Context, logger *slog.Logger, store *jobs.Store, export jobs.IdleExport) error {
	reason := publicReason(errJobTimeout)
	err := store.Fail(ctx, export.ID, reason)
	if err == nil {
		logger.ErrorContext(ctx, "export failed", "export", export.ID, "reason", reason, "age", export.Age.Round(time.Second).String())
	}
	return err
}
