package worker

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// Failed renewals are counted until the lease has expired, which is counted once.
func TestLeasesAreCounted(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		renewal  error
		err      error
		failures float64
	}{
		"Unreachable": {errors.New("unreachable"), errLeaseExpired, float64(jobs.LeaseTime / progressEvery)},
		"TakenOver":   {jobs.ErrStale, jobs.ErrStale, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				registry := prometheus.NewRegistry()
				w := &Worker{config: Config{Logger: slog.New(slog.DiscardHandler)}, metrics: newMetrics(registry)}
				held := lease{kind: jobs.PartArgs{}.Kind(), every: progressEvery, renew: func(context.Context) error { return test.renewal }}
				err := w.withLease(t.Context(), held, func(ctx context.Context) error {
					<-ctx.Done()
					return ctx.Err()
				})
				require.ErrorIs(t, err, test.err)
				require.InDelta(t, test.failures, value(t, registry, "sluice_lease_renewal_failures_total"), 0)
				require.InDelta(t, 1, value(t, registry, "sluice_leases_lost_total"), 0)
			})
		})
	}
}

// value returns the sum of a counter over its labels.
func value(t *testing.T, registry *prometheus.Registry, name string) (sum float64) {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() == name {
			for _, series := range family.GetMetric() {
				sum += series.GetCounter().GetValue()
			}
		}
	}
	return sum
}
