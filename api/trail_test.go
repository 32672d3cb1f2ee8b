package api

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/storage"
	"github.com/seed-90096f4d/sluice/storage/storagetest"
)

// TestTrailWhileTheStoreIsAway: what can't be stored waits, and what is too
// much to wait is told in the log.
func TestTrailWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	away, err := storage.Open(storage.Config{URL: "http://k:s@127.0.0.1:1/bucket"})
	require.NoError(t, err)
	t.Cleanup(away.Close)
	there, err := storage.Open(storage.Config{URL: storagetest.Bucket(t)})
	require.NoError(t, err)
	t.Cleanup(there.Close)

	var log bytes.Buffer
	trail := newTrail(away, slog.New(slog.NewTextHandler(&log, nil)))
	for range trailBound {
		trail.add(auditEvent{at: time.Now(), action: auditDump, status: 401})
	}
	require.Len(t, trail.waiting, trailStrangers, "strangers do not fill it")
	_, lost := trail.take()
	require.Equal(t, trailBound-trailStrangers, lost)
	trail.waiting = nil
	for range trailBound + 7 {
		trail.add(auditEvent{at: time.Now(), action: auditDump, status: 200, client: "a"})
	}
	require.Len(t, trail.full, 1, "a batch is not waited with")
	batch, lost := trail.take()
	require.Len(t, batch, trailBatch)
	require.Equal(t, 7, lost)
	trail.giveBack(batch)

	trail.bucket = there
	trail.store(t.Context())
	require.Empty(t, trail.waiting)
	require.Empty(t, log.String())
	trail.lost = 7
	trail.store(t.Context())
	require.Contains(t, log.String(), "count=7")

	newTrail(nil, nil).add(auditEvent{}) // without a bucket there is nothing to do
}
