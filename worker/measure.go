package worker

import (
	"context"
	"errors"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/telemetry"
)

// The outcomes of a job, for metrics.
const (
	outcomeCompleted = "completed" // or no longer needed
	outcomeFailed    = "failed"
	outcomeSnoozed   = "snoozed"
	outcomeCancelled = "cancelled"
	outcomeStopped   = "stopped" // by the end of the process
)

// measure is a middleware of River that measures jobs. River's subscriptions would drop
// events.
type measure struct {
	river.MiddlewareDefaults

	metrics *metrics
	pulse   *pulse
}

var _ rivertype.WorkerMiddleware = (*measure)(nil)

// Work runs the job.
func (m *measure) Work(ctx context.Context, job *rivertype.JobRow, doInner func(context.Context) error) error {
	if job.AttemptedAt != nil {
		wait := max(job.AttemptedAt.Sub(job.ScheduledAt), 0)
		telemetry.Observe(ctx, m.metrics.queueWait.WithLabelValues(short(job.Queue)), wait.Seconds())
	}
	if job.Kind == (jobs.PartArgs{}).Kind() {
		m.metrics.slotsBusy.Inc()
		defer m.metrics.slotsBusy.Dec()
	}
	defer m.pulse.occupy(job.Queue)()
	start, outcome := time.Now(), outcomeFailed // also if the job panics
	defer func() {
		telemetry.Observe(ctx, m.metrics.jobDuration.WithLabelValues(short(job.Kind), outcome), time.Since(start).Seconds())
	}()
	err := doInner(ctx)
	outcome = outcomeOf(ctx, err)
	return err
}

// outcomeOf returns the outcome of a job that returned err and whose context is ctx.
func outcomeOf(ctx context.Context, err error) string {
	var snooze *river.JobSnoozeError
	switch {
	case errors.Is(context.Cause(ctx), rivertype.ErrJobCancelledRemotely):
		return outcomeCancelled
	case err == nil:
		return outcomeCompleted
	case errors.As(err, &snooze):
		return outcomeSnoozed
	case ctx.Err() != nil:
		return outcomeStopped
	}
	return outcomeFailed
}
