package audit

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/storage"
	"github.com/seed-90096f4d/sluice/storage/storagetest"
)

// TestStoreUnavailable: events that cannot be stored are kept, and those beyond
// the limit are reported in the log.
func TestStoreUnavailable(t *testing.T) {
	t.Parallel()
	unavailable, err := storage.Open(storage.Config{URL: "http://k:s@127.0.0.1:1/bucket"})
	require.NoError(t, err)
	t.Cleanup(unavailable.Close)
	bucket, err := storage.Open(storage.Config{URL: storagetest.Bucket(t)})
	require.NoError(t, err)
	t.Cleanup(bucket.Close)

	var log bytes.Buffer
	registry := prometheus.NewRegistry()
	recorder := New(Config{Bucket: unavailable, Logger: slog.New(slog.NewTextHandler(&log, nil)), Registry: registry})
	requireMetrics := func(waiting, dropped int) {
		t.Helper()
		require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(fmt.Sprintf(`
# HELP sluice_audit_events_dropped_total Audit events that are in the log only, because too many waited for the bucket.
# TYPE sluice_audit_events_dropped_total counter
sluice_audit_events_dropped_total %d
# HELP sluice_audit_events_waiting Audit events that are not stored in the bucket yet.
# TYPE sluice_audit_events_waiting gauge
sluice_audit_events_waiting %d
`, dropped, waiting)), "sluice_audit_events_dropped_total", "sluice_audit_events_waiting"))
	}
	requireMetrics(0, 0)
	for range maxPending {
		recorder.add(Event{At: time.Now(), Action: Dump, Status: 401})
	}
	require.Len(t, recorder.pending, maxPendingAnonymous, "unauthenticated requests do not fill it")
	requireMetrics(maxPendingAnonymous, maxPending-maxPendingAnonymous)
	_, dropped := recorder.take()
	require.Equal(t, maxPending-maxPendingAnonymous, dropped)
	recorder.pending = nil
	for range maxPending + 7 {
		recorder.add(Event{At: time.Now(), Action: Dump, Status: 200, Client: "a"})
	}
	require.Len(t, recorder.full, 1, "a complete batch is stored at once")
	batch, dropped := recorder.take()
	require.Len(t, batch, maxBatch)
	require.Equal(t, 7, dropped)
	recorder.putBack(batch)

	recorder.bucket = bucket
	require.Zero(t, testutil.ToFloat64(recorder.metrics.lastStored))
	recorder.flush(t.Context())
	require.Empty(t, recorder.pending)
	requireMetrics(0, maxPending-maxPendingAnonymous+7)
	require.InDelta(t, time.Now().Unix(), testutil.ToFloat64(recorder.metrics.lastStored), 120)
	require.Empty(t, log.String())
	recorder.dropped = 7
	recorder.flush(t.Context())
	require.Contains(t, log.String(), "count=7")

	New(Config{}).add(Event{}) // stores nothing
}

// TestOmit: a request that gave nothing away is recorded only if it was refused or
// failed.
func TestOmit(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	recorder := New(Config{Events: slog.New(slog.NewTextHandler(&log, nil))})
	recorder.Record(t.Context(), Event{Action: Poll, Omit: true, Status: 202})
	require.Empty(t, log.String())
	recorder.Record(t.Context(), Event{Action: Poll, Omit: true, Status: 404})
	require.Contains(t, log.String(), "audit.outcome=refused")
}
