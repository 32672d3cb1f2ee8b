package audit

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

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
	recorder := New(Config{Bucket: unavailable, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for range maxPending {
		recorder.add(Event{At: time.Now(), Action: Dump, Status: 401})
	}
	require.Len(t, recorder.pending, maxPendingAnonymous, "unauthenticated requests do not fill it")
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
	recorder.flush(t.Context())
	require.Empty(t, recorder.pending)
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
