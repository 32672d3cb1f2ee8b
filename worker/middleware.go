package worker

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/telemetry/span"
)

const (
	// giveBackTime is how long a job that is given back waits for another worker.
	giveBackTime = 2 * time.Second

	// minBackoff and maxBackoff bound how long a job is snoozed in an outage. In
	// between it is half of the time that its export has waited so far.
	minBackoff = time.Second
	maxBackoff = 15 * time.Second
)

// middleware is a middleware of River. It snoozes jobs, without counting an attempt,
// that this process must leave to others and during an outage, and stops a process that
// cannot run its jobs.
type middleware struct {
	river.MiddlewareDefaults
	*Worker

	given *throttle // of the reasons for which jobs were given back
}

var _ rivertype.WorkerMiddleware = (*middleware)(nil)

// Work runs the job.
func (m *middleware) Work(ctx context.Context, job *rivertype.JobRow, doInner func(context.Context) error) error {
	if m.health.recheck(span.Quiet(ctx)) != nil {
		return river.JobSnooze(giveBackTime)
	}
	err := jobs.CheckRequired(job.EncodedArgs)
	if err == nil {
		err = doInner(ctx)
	}
	switch {
	case errors.Is(err, jobs.ErrLocationMoved), errors.Is(err, jobs.ErrNewer):
		if m.given.due(err.Error()) {
			m.config.Logger.WarnContext(ctx, "job given back to other workers", "job", job.ID, "kind", job.Kind, "error", err)
		}
		return river.JobSnooze(giveBackTime)
	case err == nil || !carriesExport(job):
		return err
	case ctx.Err() != nil:
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
func (m *middleware) wait(ctx context.Context, job *rivertype.JobRow, reason string, cause error) error {
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
		m.metrics.waits.WithLabelValues(reason).Inc()
		m.config.Logger.WarnContext(ctx, "export waiting", "export", attempt.ExportID, "reason", reason, "error", cause)
	}
	if waited > m.config.OutageLimit {
		err := m.failWaiting(ctx, attempt.ExportID, reason)
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
