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
	writer := newWriter(unavailable, slog.New(slog.NewTextHandler(&log, nil)))
	for range maxPending {
		writer.add(Event{At: time.Now(), Action: Dump, Status: 401})
	}
	require.Len(t, writer.pending, maxPendingAnonymous, "unauthenticated requests do not fill it")
	_, dropped := writer.take()
	require.Equal(t, maxPending-maxPendingAnonymous, dropped)
	writer.pending = nil
	for range maxPending + 7 {
		writer.add(Event{At: time.Now(), Action: Dump, Status: 200, Client: "a"})
	}
	require.Len(t, writer.full, 1, "a complete batch is stored at once")
	batch, dropped := writer.take()
	require.Len(t, batch, maxBatch)
	require.Equal(t, 7, dropped)
	writer.putBack(batch)

	writer.bucket = bucket
	writer.flush(t.Context())
	require.Empty(t, writer.pending)
	require.Empty(t, log.String())
	writer.dropped = 7
	writer.flush(t.Context())
	require.Contains(t, log.String(), "count=7")

	newWriter(nil, nil).add(Event{}) // stores nothing
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
