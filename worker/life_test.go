package worker_test

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/jobs/journal"
)

// lines returns the log lines with this message.
func (l *logBuffer) lines(t *testing.T, message string) (found []map[string]any) {
	t.Helper()
	for text := range strings.Lines(l.String()) {
		var line map[string]any
		require.NoError(t, json.Unmarshal([]byte(text), &line))
		if line["msg"] == message {
			found = append(found, line)
		}
	}
	return found
}

// requireLine fails unless one line has the message, and returns it. The line names the
// export and its client.
func (l *logBuffer) requireLine(t *testing.T, message string, id uuid.UUID) map[string]any {
	t.Helper()
	found := l.lines(t, message)
	require.Len(t, found, 1, "%s\n%s", message, l)
	require.Equal(t, id.String(), found[0]["export"])
	require.Equal(t, client, found[0]["client"])
	return found[0]
}

// api returns the store of a process of the API that logs.
func (f *fixture) api(t *testing.T, log *logBuffer, registry prometheus.Registerer) *jobs.Store {
	t.Helper()
	store, err := jobs.New(f.db, jobs.Config{Observe: journal.New(slog.New(slog.NewJSONHandler(log, nil)), registry).Observe})
	require.NoError(t, err)
	return store
}

// metric returns the value of a metric, added over all series that have the labels, and
// of a histogram the number of observations.
func metric(t *testing.T, registry *prometheus.Registry, name string, labels ...string) (value float64) {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
	series:
		for _, series := range family.GetMetric() {
			found := map[string]string{}
			for _, label := range series.GetLabel() {
				found[label.GetName()] = label.GetValue()
			}
			for i := 0; i < len(labels); i += 2 {
				if found[labels[i]] != labels[i+1] {
					continue series
				}
			}
			value += series.GetCounter().GetValue() + series.GetGauge().GetValue() + float64(series.GetHistogram().GetSampleCount())
		}
		return value
	}
	require.Fail(t, "there is no metric "+name)
	return 0
}

// Each event of an export is logged and counted once over all processes.
func TestLifeOfAnExport(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	open := f.gate(t, "patient")
	log, registries := &logBuffer{}, []*prometheus.Registry{prometheus.NewRegistry(), prometheus.NewRegistry()}
	for _, registry := range registries {
		f.start(t, options{partBytes: 3 * 8192, slots: 2, logger: slog.New(slog.NewJSONHandler(log, nil)), registry: registry})
	}
	total := func(name string, labels ...string) (sum float64) {
		for _, registry := range registries {
			sum += metric(t, registry, name, labels...)
		}
		return sum
	}
	atAPI := prometheus.NewRegistry()
	api := f.api(t, log, atAPI)

	id, err := api.Accept(t.Context(), client, jobs.Request{
		Types: []string{"Encounter", "Patient"}, Filters: map[string][]string{"Encounter": {"_id=en-secret,en-1"}},
	})
	require.NoError(t, err)
	f.awaitReaders(t, 4)
	require.InDelta(t, 4, total("sluice_slots_busy"), 0)
	require.InDelta(t, 4, total("sluice_slots_limit"), 0)
	require.InDelta(t, 1, total("sluice_snapshots_held"), 0)
	require.InDelta(t, time.Now().Unix(), total("sluice_snapshot_oldest_timestamp_seconds"), patience.Seconds())
	require.Positive(t, metric(t, registries[0], "sluice_transaction_time_lag_seconds")+metric(t, registries[1], "sluice_transaction_time_lag_seconds"))
	f.exec(t, `SELECT pg_current_xact_id()`) // so that the snapshot has an age
	f.eventually(t, "the snapshot holds something back", func() bool { return metric(t, registries[0], "sluice_source_xmin_age_transactions") > 0 })

	held := f.snapshot(t, id)
	require.Equal(t, 1, f.count(t, terminateHolderSQL))
	f.eventually(t, "another holder has it", func() bool { return f.snapshot(t, id) != held })
	open()
	export := f.await(t, id, jobs.Completed)
	f.eventually(t, "the snapshot is released", func() bool { return total("sluice_snapshots_held") == 0 })
	f.eventually(t, "the end is logged", func() bool { return len(log.lines(t, "export completed")) > 0 })

	require.Equal(t, "system", log.requireLine(t, "export accepted", id)["exportLevel"])
	started := log.requireLine(t, "export started", id)
	require.InDelta(t, 2, started["types"], 0)
	require.InDelta(t, export.PartsTotal, started["parts"], 0)
	require.InDelta(t, export.BytesPlanned, started["bytesPlanned"], 0)
	require.Equal(t, export.TransactionTime.Format(time.RFC3339Nano), started["transactionTime"])
	log.requireLine(t, "export taken over", id)
	completed := log.requireLine(t, "export completed", id)
	files, err := f.store.Files(t.Context(), id)
	require.NoError(t, err)
	require.InDelta(t, files.Resources(), completed["resources"], 0)
	require.InDelta(t, f.count(t, `SELECT count(*) FROM sluice.file`), completed["files"], 0)
	require.InDelta(t, f.count(t, `SELECT sum(stored_bytes) FROM sluice.file`), completed["bytesStored"], 0)
	require.Positive(t, completed["seconds"])

	require.NoError(t, api.Cancel(t.Context(), id, client))
	require.Equal(t, "client", log.requireLine(t, "export deleted", id)["by"])
	require.Empty(t, log.lines(t, "export cancelled"))
	require.NotContains(t, log.String(), "en-secret")

	require.InDelta(t, 1, metric(t, atAPI, "sluice_exports_accepted_total", "level", "system"), 0)
	require.InDelta(t, 0, metric(t, atAPI, "sluice_exports_total"), 0)
	require.InDelta(t, 1, total("sluice_exports_total", "level", "system", "outcome", "completed"), 0)
	require.InDelta(t, 1, total("sluice_exports_total"), 0)
	require.InDelta(t, 1, total("sluice_export_duration_seconds"), 0)
	require.InDelta(t, 1, total("sluice_export_start_delay_seconds"), 0)
	require.InDelta(t, export.PartsTotal, total("sluice_job_duration_seconds", "kind", "part", "outcome", "completed"), 0)
	require.GreaterOrEqual(t, total("sluice_job_queue_wait_seconds", "queue", "part"), float64(export.PartsTotal))
	require.InDelta(t, 0, total("sluice_slots_busy"), 0)
}

// An export that fails, one that is cancelled with its client, and one that expires.
func TestOtherEnds(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	log, registry := &logBuffer{}, prometheus.NewRegistry()
	logger := slog.New(slog.NewJSONHandler(log, nil))
	waiting := f.accept(t, jobs.Request{})
	_, err := f.api(t, log, nil).CancelUnfinished(t.Context(), client)
	require.NoError(t, err)
	require.Equal(t, "client expired", log.requireLine(t, "export cancelled", waiting)["by"])

	f.start(t, options{logger: logger, registry: registry, retention: time.Millisecond})
	failing := f.accept(t, jobs.Request{Level: jobs.GroupLevel, Types: []string{"Nothing"}, Existing: true})
	f.await(t, failing, jobs.Failed)
	f.eventually(t, "the failure is logged", func() bool { return len(log.lines(t, "export failed")) > 0 })
	failed := log.requireLine(t, "export failed", failing)
	require.Equal(t, "Nothing: the table does not exist", failed["reason"])
	require.Equal(t, "WARN", failed["level"], "the error of the job is logged on its own")
	require.InDelta(t, 1, metric(t, registry, "sluice_exports_total", "level", "group", "outcome", "failed"), 0)

	expiring := f.accept(t, jobs.Request{Types: []string{"Encounter"}})
	f.await(t, expiring, jobs.Completed)
	require.NoError(t, f.api(t, log, nil).Expire(t.Context()))
	log.requireLine(t, "export expired", expiring)
}

// What finished parts have read is counted when they are committed: the sum over all
// workers is what the manifest lists, though one part was read twice and the sessions of
// others were terminated.
func TestCountedWhenCommitted(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	f.refuseOnce(t, "sluice.part", "done")
	open := f.gate(t, "patient")
	registries := []*prometheus.Registry{prometheus.NewRegistry(), prometheus.NewRegistry()}
	for _, registry := range registries {
		f.start(t, options{partBytes: 3 * 8192, slots: 1, registry: registry})
	}
	id := f.accept(t, jobs.Request{})
	f.awaitReaders(t, 2)
	require.Equal(t, 2, f.count(t, terminateReadersSQL))
	open()
	f.requireWhole(t, f.await(t, id, jobs.Completed))

	total := func(name string, labels ...string) (sum float64) {
		for _, registry := range registries {
			sum += metric(t, registry, name, labels...)
		}
		return sum
	}
	f.eventually(t, "all files are counted", func() bool {
		return total("sluice_export_files_total") >= float64(f.count(t, `SELECT count(*) FROM sluice.file`))
	})
	require.InDelta(t, 100, total("sluice_export_resources_total", "resource_type", "Encounter"), 0)
	require.InDelta(t, 200, total("sluice_export_resources_total", "resource_type", "Patient"), 0)
	require.InDelta(t, 300, total("sluice_export_resources_total"), 0)
	require.InDelta(t, f.count(t, `SELECT count(*) FROM sluice.file`), total("sluice_export_files_total"), 0)
	require.InDelta(t, f.count(t, `SELECT sum(stored_bytes) FROM sluice.file`), total("sluice_export_stored_bytes_total"), 0)
	require.Greater(t, total("sluice_export_read_bytes_total"), 300*10.0)
	require.GreaterOrEqual(t, total("sluice_job_duration_seconds", "kind", "part", "outcome", "failed"), 3.0)
}

// A cancelled export is no reason for a warning, however many parts are running and queued.
func TestCancelWithoutWarnings(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	f.gate(t, "patient")
	log, warnings := &logBuffer{}, &logBuffer{}
	const slots = 8
	f.start(t, options{partBytes: 8192, slots: slots, logger: slog.New(slog.NewJSONHandler(warnings, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	id := f.accept(t, jobs.Request{Types: []string{"Patient"}})
	f.awaitReaders(t, slots)
	require.Positive(t, f.count(t, `SELECT count(*) FROM sluice.river_job WHERE kind = 'sluice_part' AND state = 'available'`))

	require.NoError(t, f.api(t, log, nil).Cancel(t.Context(), id, client))

	f.await(t, id, jobs.Cancelled)
	f.requireNothing(t, id)
	f.eventually(t, "no job is left", func() bool {
		return f.count(t, `SELECT count(*) FROM sluice.river_job WHERE state NOT IN ('cancelled', 'completed')`) == 0
	})
	require.Equal(t, "client", log.requireLine(t, "export cancelled", id)["by"])
	require.Empty(t, warnings.String())
}
