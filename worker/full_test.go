package worker_test

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// A full store can still be listed and read. An export of many parts waits for it with
// few log messages, and the worker is not ready meanwhile.
func TestStoreFull(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	f.countAttempts(t, 1)
	store := newWeather(t, f.bucketURL)
	store.full.Store(true)
	log := &logBuffer{}
	running := f.start(t, options{bucketURL: store.url, slots: 2, partBytes: 8192, logger: slog.New(slog.NewJSONHandler(log, nil))})
	require.NoError(t, running.worker.Ready(t.Context()), "nothing waits")
	id := f.accept(t, jobs.Request{})
	f.awaitWaiting(t, id, "the object store is full")
	f.awaitSnoozes(t, 20)
	require.ErrorContains(t, running.worker.Ready(t.Context()), "the object store is full")

	store.full.Store(false)
	export := f.await(t, id, jobs.Completed)
	require.GreaterOrEqual(t, export.PartsTotal, 20)
	require.NoError(t, running.worker.Ready(t.Context()))
	warnings := strings.Count(log.String(), `"level":"WARN"`)
	running.stop(t)
	require.Equal(t, requireFewWaits(t, log), warnings, log.String())
	require.NotContains(t, log.String(), `"level":"ERROR"`)
}

// Neither an empty part nor a restart of the export ends the wait for a full store.
func TestStoreFullForLong(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	store := newWeather(t, f.bucketURL)
	store.full.Store(true)
	log := &logBuffer{}
	opts := options{bucketURL: store.url, outageLimit: time.Hour, partBytes: 4 * 8192, slots: 1, logger: slog.New(slog.NewJSONHandler(log, nil))}
	running := f.start(t, opts)
	id := f.accept(t, jobs.Request{Types: []string{"Patient"}, ChangedAfter: time.Date(2024, 5, 14, 0, 0, 0, 0, time.UTC)})
	f.awaitWaiting(t, id, "the object store is full")
	f.eventually(t, "the parts without lines are done", func() bool {
		return f.count(t, `SELECT count(*) FROM sluice.part WHERE state <> 'done'`) == 1
	})
	running.stop(t) // and with it the snapshot
	running = f.start(t, opts)
	f.eventually(t, "the export has restarted and its parts without lines are done", func() bool {
		return f.count(t, `SELECT count(*) FROM sluice.export WHERE generation = 2 AND parts_total > 1 AND parts_done = parts_total - 1`) == 1
	})
	f.exec(t, `UPDATE sluice.export SET waiting_since = waiting_since - interval '1 hour'`) // null if the wait has ended
	export := f.await(t, id, jobs.Failed)
	require.Equal(t, "the object store is full; gave up after 1h0m0s", export.Failure)
	require.Equal(t, 2, export.Generation)
	require.NoError(t, running.worker.Ready(t.Context()), "nothing waits")
	require.Equal(t, 1, strings.Count(log.String(), `"msg":"export waiting"`), log.String())
	require.NotContains(t, log.String(), `"msg":"export no longer waiting"`)
	f.requireNothing(t, id)
}

// refusesWrite reports whether a full store would refuse the request.
func (w *weather) refusesWrite(r *http.Request) bool {
	return w.full.Load() && (r.Method == http.MethodPut || r.Method == http.MethodPost && !r.URL.Query().Has("delete"))
}
