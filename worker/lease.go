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
// lost, the context of work ends, and the error is jobs.ErrOver. A renewal that
// fails otherwise is tried again at the next tick, until others may have taken
// the lease.
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
			case errors.Is(err, jobs.ErrOver), time.Since(renewed) > jobs.LeaseTime:
				cancel(jobs.ErrOver)
			case ctx.Err() == nil:
				logger.WarnContext(ctx, "lease not renewed", "error", err)
			}
		}
	})
	return ended(ctx, work(ctx))
}

// reclaim gives the work of dead processes to living ones until ctx ends, whenever
// this process is fit to.
func reclaim(ctx context.Context, store *jobs.Store, fit func(context.Context) error, logger *slog.Logger) {
	ticker := time.NewTicker(jobs.ReclaimEvery)
	defer ticker.Stop()
	for {
		count, err := 0, fit(ctx)
		if err == nil {
			count, err = store.Reclaim(ctx)
		}
		switch {
		case err != nil && ctx.Err() == nil:
			logger.WarnContext(ctx, "lost jobs not looked for", "error", err)
		case count > 0:
			logger.WarnContext(ctx, "jobs of a dead worker are given to others", "jobs", count)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
