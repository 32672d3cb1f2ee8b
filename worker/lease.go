package worker

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/telemetry/span"
)

// lease is the lease of an export or part, which its process renews.
type lease struct {
	kind  string // of the job
	every time.Duration
	renew func(context.Context) error
}

// withLease runs work under a lease, which it renews at every tick. If the lease is
// lost, the context of work is cancelled and the error is jobs.ErrStale. Other errors of
// a renewal are retried at the next tick, until the lease may have expired; then the
// error is errLeaseExpired.
func (w *Worker) withLease(ctx context.Context, l lease, work func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var renewing sync.WaitGroup
	defer renewing.Wait()
	defer cancel(nil)

	kind := short(l.kind)
	lose := func(cause error) {
		w.metrics.leasesLost.WithLabelValues(kind).Inc()
		trace.SpanFromContext(ctx).AddEvent("lease lost")
		cancel(cause)
	}
	quiet := span.Quiet(ctx)
	renewing.Go(func() {
		ticker := time.NewTicker(l.every)
		defer ticker.Stop()
		renewed := time.Now()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			start := time.Now()
			switch err := l.renew(quiet); {
			case err == nil:
				renewed = start
			case ctx.Err() != nil:
				return
			case errors.Is(err, jobs.ErrStale):
				lose(jobs.ErrStale)
			case time.Since(renewed) > jobs.LeaseTime:
				lose(errLeaseExpired)
			default:
				w.metrics.renewalFailures.WithLabelValues(kind).Inc()
				w.config.Logger.DebugContext(ctx, "could not renew lease", "error", err)
			}
		}
	})
	return withCause(ctx, work(ctx))
}
