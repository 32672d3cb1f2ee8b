package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/seed-90096f4d/sluice/jobs"
)

// leased does work on a lease that it renews at every tick. When the lease is
// lost, the context of work ends, and the error is jobs.ErrStale. A renewal that
// fails otherwise is tried again at the next tick, until others may have taken
// the lease; then the error is errLeaseExpired.
func leased(ctx context.Context, every time.Duration, logger *slog.Logger, renew, work func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var renewing sync.WaitGroup
	defer renewing.Wait()
	defer cancel(nil)

	renewing.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		renewed := time.Now()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			begin := time.Now()
			switch err := renew(ctx); {
			case err == nil:
				renewed = begin
			case errors.Is(err, jobs.ErrStale):
				cancel(jobs.ErrStale)
			case time.Since(renewed) > jobs.LeaseTime:
				cancel(errLeaseExpired)
			case ctx.Err() == nil:
				logger.DebugContext(ctx, "lease not renewed", "error", err)
			}
		}
	})
	return ended(ctx, work(ctx))
}

// reclaim gives the work of dead processes to living ones, and fails exports that
// have waited too long, until ctx ends. A process whose location is no longer the
// recorded one does so, too: it may be that there is no other. Only a state database
// that is newer than the process is left alone.
func (w *Worker) reclaim(ctx context.Context) {
	ticker := time.NewTicker(jobs.ReclaimInterval)
	defer ticker.Stop()
	var outage stateOutage
	for {
		err := w.config.Fit(ctx)
		if err != nil {
			w.fitness.fail(ctx, err)
		}
		if !errors.Is(err, jobs.ErrNewer) {
			w.reclaimOnce(ctx, &outage)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// stateOutage is what reclaim remembers of the state database.
type stateOutage struct {
	away bool // at the last tick

	// grace is until when living processes may renew leases that ran out in the
	// outage. Their attempts would else be counted.
	grace time.Time
}

func (w *Worker) reclaimOnce(ctx context.Context, outage *stateOutage) {
	logger := w.config.Logger
	err := failIdle(ctx, w.config, w.metrics, w.store)
	if err == nil && outage.away {
		*outage = stateOutage{grace: time.Now().Add(jobs.LeaseTime)}
		logger.InfoContext(ctx, "state database reachable again")
	}
	count := 0
	if err == nil && time.Now().After(outage.grace) {
		count, err = w.store.Reclaim(ctx)
	}
	if count > 0 {
		logger.WarnContext(ctx, "jobs of a dead worker are given to others", "jobs", count)
	}
	if err != nil && !outage.away && ctx.Err() == nil {
		outage.away = true
		logger.WarnContext(ctx, "could not check for abandoned jobs", "error", err)
	}
}
