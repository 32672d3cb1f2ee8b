package worker_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

func TestExpiry(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	running := f.start(t, options{})
	old := f.accept(t, jobs.Request{})
	f.await(t, old, jobs.Completed)
	running.stop(t)
	require.Len(t, f.keys(t, old), 3)
	// It has expired. The job that checks for that was due a minute ago.
	f.exec(t, `UPDATE sluice.export SET expires_at = now()`)
	f.exec(t, `DELETE FROM sluice.river_job WHERE kind = 'sluice_expire'`)

	f.start(t, options{})
	young := f.accept(t, jobs.Request{})
	f.eventually(t, "the old one has expired", func() bool {
		export, err := f.store.GetForClient(t.Context(), old, client)
		require.NoError(t, err, "its row stays")
		return export.State == jobs.Expired
	})
	f.requireNothing(t, old)

	f.await(t, young, jobs.Completed)
	require.Len(t, f.keys(t, young), 3)
}

// Cleanup is retried if the store denies deletes, because it leaves patient data
// behind.
func TestCleanupDenied(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	running := f.start(t, options{})
	id := f.accept(t, jobs.Request{})
	f.await(t, id, jobs.Completed)
	running.stop(t)
	require.NoError(t, f.store.Cancel(t.Context(), id, client))

	store := newWeather(t, f.bucketURL)
	store.denyDeletes.Store(true)
	running = f.start(t, options{bucketURL: store.url})
	f.eventually(t, "it was denied", func() bool {
		return f.count(t, `SELECT count(*) FROM sluice.river_job WHERE kind = 'sluice_cleanup' AND errors IS NOT NULL`) == 1
	})
	require.NoError(t, running.worker.Ready(t.Context()), "it can read and write")
	running.stop(t)
	require.Len(t, f.keys(t, id), 3)

	f.start(t, options{})
	f.requireNothing(t, id)
}

// The unfinished exports of a client that has expired are cancelled.
func TestClientExpired(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	open := f.gate(t, "encounter")
	defer open()
	running := f.start(t, options{})
	id := f.accept(t, jobs.Request{})
	f.awaitReaders(t, 1)
	f.exec(t, `INSERT INTO sluice.client (id, scopes, expires_at) VALUES ($1, '{system/*.rs}', now())`, client)
	// It has expired. The job that checks for that was due a minute ago.
	f.exec(t, `UPDATE sluice.export SET expires_at = now()`)
	f.exec(t, `DELETE FROM sluice.river_job WHERE kind = 'sluice_expire'`)
	running.stop(t)

	f.start(t, options{})
	f.await(t, id, jobs.Cancelled)
	f.requireNothing(t, id)
}
