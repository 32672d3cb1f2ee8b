package gauges_test

import (
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/jobs/overview"
	"github.com/seed-90096f4d/sluice/jobs/overview/gauges"
	"github.com/seed-90096f4d/sluice/migrations"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// registered returns a state database and a new registry of its gauges.
func registered(t *testing.T, clients bool) (*pgxpool.Pool, func() *prometheus.Registry) {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), sourcetest.Database(t))
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = migrations.Up(t.Context(), pool)
	require.NoError(t, err)
	return pool, func() *prometheus.Registry {
		registry := prometheus.NewPedanticRegistry()
		gauges.Register(registry, slog.New(slog.NewTextHandler(io.Discard, nil)), overview.New(pool), clients)
		return registry
	}
}

// compare compares the samples of metrics with lines.
func compare(t *testing.T, registry *prometheus.Registry, want string, names ...string) {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	var help strings.Builder
	for _, family := range families {
		help.WriteString("# HELP " + family.GetName() + " " + family.GetHelp() + "\n# TYPE " + family.GetName() + " gauge\n")
		for line := range strings.Lines(strings.TrimLeft(want, "\n")) {
			if name, _, _ := strings.Cut(strings.TrimSpace(line), " "); strings.HasPrefix(name+"{", family.GetName()+"{") {
				help.WriteString(line)
			}
		}
	}
	require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(help.String()), names...))
}

func TestGauges(t *testing.T) {
	t.Parallel()
	pool, registry := registered(t, false)
	empty := `
sluice_export_bytes_left 0
sluice_export_oldest_timestamp_seconds{state="accepted"} 0
sluice_export_oldest_timestamp_seconds{state="completed"} 0
sluice_export_oldest_timestamp_seconds{state="running"} 0
sluice_export_progress_timestamp_seconds 0
sluice_exports{state="accepted"} 0
sluice_exports{state="completed"} 0
sluice_exports{state="running"} 0
sluice_files_kept 0
sluice_files_kept_bytes 0
sluice_files_overdue 0
sluice_maintenance_last_success_timestamp_seconds{task="cleanup"} 0
sluice_maintenance_last_success_timestamp_seconds{task="expire"} 0
sluice_maintenance_last_success_timestamp_seconds{task="sweep"} 0
sluice_parts_left 0
sluice_parts_runnable 0
sluice_queue_jobs{queue="cleanup",state="available"} 0
sluice_queue_jobs{queue="cleanup",state="pending"} 0
sluice_queue_jobs{queue="cleanup",state="retryable"} 0
sluice_queue_jobs{queue="cleanup",state="running"} 0
sluice_queue_jobs{queue="cleanup",state="scheduled"} 0
sluice_queue_jobs{queue="export",state="available"} 0
sluice_queue_jobs{queue="export",state="pending"} 0
sluice_queue_jobs{queue="export",state="retryable"} 0
sluice_queue_jobs{queue="export",state="running"} 0
sluice_queue_jobs{queue="export",state="scheduled"} 0
sluice_queue_jobs{queue="part",state="available"} 0
sluice_queue_jobs{queue="part",state="pending"} 0
sluice_queue_jobs{queue="part",state="retryable"} 0
sluice_queue_jobs{queue="part",state="running"} 0
sluice_queue_jobs{queue="part",state="scheduled"} 0
sluice_queue_oldest_timestamp_seconds{queue="cleanup"} 0
sluice_queue_oldest_timestamp_seconds{queue="export"} 0
sluice_queue_oldest_timestamp_seconds{queue="part"} 0
`
	names := []string{
		"sluice_export_bytes_left", "sluice_export_oldest_timestamp_seconds", "sluice_export_progress_timestamp_seconds", "sluice_exports",
		"sluice_files_kept", "sluice_files_kept_bytes", "sluice_files_overdue", "sluice_maintenance_last_success_timestamp_seconds",
		"sluice_parts_left", "sluice_parts_runnable", "sluice_queue_jobs", "sluice_queue_oldest_timestamp_seconds",
	}
	compare(t, registry(), empty, names...)
	problems, err := testutil.GatherAndLint(registry())
	require.NoError(t, err)
	require.Empty(t, problems)

	store, err := jobs.New(pool, jobs.Config{})
	require.NoError(t, err)
	for range 2 {
		id, err := store.Accept(t.Context(), "a", jobs.Request{Types: []string{"Patient"}})
		require.NoError(t, err)
		_, err = pool.Exec(t.Context(), `UPDATE sluice.export SET created_at = '2026-01-02T03:04:05.5Z' WHERE id = $1`, id)
		require.NoError(t, err)
	}
	_, err = pool.Exec(t.Context(), `UPDATE sluice.river_job SET scheduled_at = '2026-01-02T03:04:05Z'`)
	require.NoError(t, err)
	compare(t, registry(), strings.NewReplacer(
		`sluice_exports{state="accepted"} 0`, `sluice_exports{state="accepted"} 2`,
		`seconds{state="accepted"} 0`, `seconds{state="accepted"} 1767323045.5`,
		`sluice_parts_runnable 0`, `sluice_parts_runnable 2`,
		`{queue="export",state="available"} 0`, `{queue="export",state="available"} 2`,
		`seconds{queue="export"} 0`, `seconds{queue="export"} 1767323045`,
	).Replace(empty), names...)
}

// A query that fails leaves out its own gauges only.
func TestFailedQuery(t *testing.T) {
	t.Parallel()
	pool, registry := registered(t, true)
	_, err := pool.Exec(t.Context(), `ALTER TABLE sluice.export RENAME TO gone`)
	require.NoError(t, err)
	metrics := registry()
	families, err := metrics.Gather()
	require.NoError(t, err)
	var names []string
	for _, family := range families {
		names = append(names, family.GetName())
	}
	require.Equal(t, []string{
		"sluice_collector_duration_seconds", "sluice_collector_errors_total", "sluice_collector_last_success_timestamp_seconds",
		"sluice_maintenance_last_success_timestamp_seconds", "sluice_queue_jobs", "sluice_queue_oldest_timestamp_seconds",
	}, names)
	require.NoError(t, testutil.GatherAndCompare(metrics, strings.NewReader(`
# HELP sluice_collector_errors_total Failed queries for metrics that are read from a database; their metrics are left out.
# TYPE sluice_collector_errors_total counter
sluice_collector_errors_total{collector="clients"} 1
sluice_collector_errors_total{collector="exports"} 1
sluice_collector_errors_total{collector="files"} 1
sluice_collector_errors_total{collector="maintenance"} 0
sluice_collector_errors_total{collector="queues"} 0
`), "sluice_collector_errors_total"))
}

// A query that waits for a lock does not delay the scrape by more than its timeout.
func TestSlowQuery(t *testing.T) {
	t.Parallel()
	pool, registry := registered(t, false)
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `LOCK TABLE sluice.export`)
	require.NoError(t, err)
	families, err := registry().Gather()
	require.NoError(t, err)
	for _, family := range families {
		require.NotContains(t, []string{"sluice_exports", "sluice_files_kept"}, family.GetName())
	}
	require.NoError(t, tx.Rollback(t.Context()))
	compare(t, registry(), "sluice_files_kept 0\n", "sluice_files_kept")
}

func TestClients(t *testing.T) {
	t.Parallel()
	pool, registry := registered(t, true)
	store, err := jobs.New(pool, jobs.Config{})
	require.NoError(t, err)
	for _, client := range []string{"a", "a", "b"} {
		_, err := store.Accept(t.Context(), client, jobs.Request{Types: []string{"Patient"}})
		require.NoError(t, err)
	}
	compare(t, registry(), `
sluice_client_exports{client="a",state="accepted"} 2
sluice_client_exports{client="b",state="accepted"} 1
`, "sluice_client_exports")
}
