package worker_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

func TestCancelWhileRunning(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	f.gate(t, "encounter")
	f.start(t, options{partBytes: 3 * 8192, slots: 3})
	id := f.accept(t, jobs.Request{})
	f.awaitReaders(t, 3)
	require.NotEmpty(t, f.keys(t, id), "some files are there")

	require.NoError(t, f.store.Cancel(t.Context(), id, client))

	_, err := f.store.GetForClient(t.Context(), id, client)
	require.ErrorIs(t, err, jobs.ErrNotFound)
	f.await(t, id, jobs.Cancelled)
	f.requireNothing(t, id)
	f.eventually(t, "no job is left", func() bool { // River writes the ends of jobs down together
		return f.count(t, `SELECT count(*) FROM sluice.river_job WHERE state NOT IN ('cancelled', 'completed')`) == 0
	})
}

func TestCancelBeforeAWorkerTakesIt(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	id := f.accept(t, jobs.Request{})
	require.NoError(t, f.store.Cancel(t.Context(), id, client))
	f.start(t, options{})

	f.await(t, id, jobs.Cancelled)
	f.requireNothing(t, id)
	require.Zero(t, f.count(t, `SELECT count(*) FROM sluice.part`))
}

func TestCancelAfterTheEnd(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	f.start(t, options{})
	id, other := f.accept(t, jobs.Request{}), f.accept(t, jobs.Request{Types: []string{"Encounter"}})
	f.await(t, id, jobs.Completed)
	f.await(t, other, jobs.Completed)

	require.NoError(t, f.store.Cancel(t.Context(), id, client))
	f.await(t, id, jobs.Cancelled)
	f.requireNothing(t, id)
	require.Equal(t, []string{"Encounter.0001.ndjson.gz", "manifest.json"}, f.keys(t, other), "another export stays")
}
