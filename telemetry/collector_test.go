package telemetry_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/telemetry"
)

// The result of a query is cached; one that fails or hangs leaves its metrics out.
func TestCollector(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		desc := prometheus.NewDesc("sluice_test", "A test.", nil, nil)
		var queries int
		var failure error
		var hang bool
		var log strings.Builder
		collector := telemetry.NewCollector("test", slog.New(slog.NewTextHandler(&log, nil)), func(ctx context.Context) ([]prometheus.Metric, error) {
			queries++
			if hang {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			time.Sleep(time.Second)
			return []prometheus.Metric{prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(queries))}, failure
		}, desc)
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(collector)
		scrape := func(want string) {
			t.Helper()
			require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(want),
				"sluice_test", "sluice_collector_duration_seconds", "sluice_collector_errors_total"))
		}
		value := func(value string) string {
			return "# HELP sluice_test A test.\n# TYPE sluice_test gauge\nsluice_test " + value + "\n"
		}
		own := func(duration, errors string) string {
			return `# HELP sluice_collector_duration_seconds Duration of the last query for metrics that are read from a database.
# TYPE sluice_collector_duration_seconds gauge
sluice_collector_duration_seconds{collector="test"} ` + duration + `
# HELP sluice_collector_errors_total Failed queries for metrics that are read from a database; their metrics are left out.
# TYPE sluice_collector_errors_total counter
sluice_collector_errors_total{collector="test"} ` + errors + "\n"
		}

		scrape(value("1") + own("1", "0"))
		time.Sleep(9 * time.Second)
		scrape(value("1") + own("1", "0"))
		require.Equal(t, 1, queries)
		time.Sleep(time.Second)
		scrape(value("2") + own("1", "0"))

		failure = errors.New("no such table")
		for i := range 2 {
			time.Sleep(10 * time.Second)
			scrape(own("1", []string{"1", "2"}[i]))
		}
		require.Equal(t, 1, strings.Count(log.String(), "no such table"))
		scrape(own("1", "2"))
		require.Equal(t, 4, queries, "a failure was not cached")

		hang = true
		time.Sleep(10 * time.Second)
		scrape(own("2", "3"))

		hang, failure = false, nil
		time.Sleep(10 * time.Second)
		now := telemetry.Timestamp(time.Now().Add(time.Second))
		scrape(value("6") + own("1", "3"))
		metrics, err := registry.Gather()
		require.NoError(t, err)
		for _, family := range metrics {
			if family.GetName() == "sluice_collector_last_success_timestamp_seconds" {
				require.InDelta(t, now, family.GetMetric()[0].GetGauge().GetValue(), 0)
			}
		}
	})
}
