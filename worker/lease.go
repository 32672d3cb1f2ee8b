package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/seed-90096f4d/sluice/jobs"
)

// withLease runs work under a lease, which it renews at every tick. If the lease is
// lost, the context of work is cancelled and the error is jobs.ErrStale. Other errors of
// a renewal are retried at the next tick, until the lease may have expired; then the
// error is errLeaseExpired.
func withLease(ctx context.Context, every time.Duration, logger *slog.Logger, renew, work func(context.Context) error) error {
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
			start := time.Now()
			switch err := renew(ctx); {
			case err == nil:
				renewed = start
			case errors.Is(err, jobs.ErrStale):
				cancel(jobs.ErrStale)
			case time.Since(renewed) > jobs.LeaseTime:
				cancel(errLeaseExpired)
			case ctx.Err() == nil:
				logger.DebugContext(ctx, "could not renew lease", "error", err)
			}
		}
	})
	return withCause(ctx, work(ctx))
}
