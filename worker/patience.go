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
	"github.com/seed-90096f4d/sluice/source"
)

const (
	// minBackoff and maxBackoff bound how long a job waits for something that is
	// away. In between it is half of the time that its export has waited so far.
	minBackoff = time.Second
	maxBackoff = 15 * time.Second
)

// patience is a middleware of River. It makes jobs wait for what is away,
// without counting an attempt, and takes jobs from a process that cannot do them.
type patience struct {
	river.MiddlewareDefaults

	limit  time.Duration
	logger *slog.Logger
	metric *metrics
	source *source.Source
	store  *jobs.Store

	// unfit is told of errors that say something about this process.
	unfit func(context.Context, error)
}

var _ rivertype.WorkerMiddleware = (*patience)(nil)

// Work does the job.
func (p *patience) Work(ctx context.Context, job *rivertype.JobRow, doInner func(context.Context) error) error {
	err := doInner(ctx)
	if err == nil || ctx.Err() != nil || !carries(job) {
		return err
	}
	f := diagnose(ctx, p.source, classify(err))
	if f.kind == unfit {
		p.unfit(ctx, err)
	}
	if f.kind != outage && f.kind != unfit {
		return err
	}
	return p.wait(ctx, job, f.reason, err)
}

// wait records that the export waits, and returns what makes River give out the
// job again later. An export that has waited longer than the limit fails.
func (p *patience) wait(ctx context.Context, job *rivertype.JobRow, reason string, cause error) error {
	if reason == "" {
		return river.JobSnooze(backoff(0))
	}
	attempt, err := jobs.NewAttempt(job)
	if err != nil {
		return errors.Join(err, cause)
	}
	// A process that is unfit has begun to stop.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
	defer cancel()
	waited, begins, err := p.store.RecordWait(ctx, attempt, reason)
	switch {
	case errors.Is(err, jobs.ErrStale):
		return nil // another attempt has the job, or nobody wants it
	case err != nil: // the state database is away, too: then there is nobody to tell
		return river.JobSnooze(backoff(0))
	case begins:
		p.metric.waits.WithLabelValues(reason).Inc()
		p.logger.WarnContext(ctx, "export waiting", "export", attempt.ExportID, "reason", reason, "error", cause)
	}
	if waited > p.limit {
		err := failWaiting(ctx, p.store, p.logger, attempt.ExportID, reason, p.limit, waited)
		if err == nil || errors.Is(err, jobs.ErrStale) {
			return nil
		}
	}
	return river.JobSnooze(backoff(waited))
}

// backoff returns for how long to wait next after so long.
func backoff(waited time.Duration) time.Duration {
	next := min(max(waited/2, minBackoff), maxBackoff)
	return next + rand.N(next/4) //nolint:gosec // not a secret
}

// endWait records that the export makes progress. If it has not written anything, it
// goes on waiting for the object store. An error is only logged: the next progress
// ends the wait as well.
func endWait(ctx context.Context, store *jobs.Store, logger *slog.Logger, id uuid.UUID, wrote bool) {
	lasting := storeReasons
	if wrote {
		lasting = []string{}
	}
	switch waited, ends, err := store.EndWait(ctx, id, lasting); {
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

// failIdle fails the exports that no process works on and that have waited longer than
// the limit or are older than an export may be.
func failIdle(ctx context.Context, cfg Config, metric *metrics, store *jobs.Store) error {
	// The process that works on an export ends it by itself when its time is over.
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

func failOld(ctx context.Context, logger *slog.Logger, store *jobs.Store, export jobs.IdleExport) error {
	reason := publicReason(errTooLong)
	err := store.Fail(ctx, export.ID, reason)
	if err == nil {
		logger.ErrorContext(ctx, "export failed", "export", export.ID, "reason", reason, "age", export.Age.Round(time.Second).String())
	}
	return err
}
