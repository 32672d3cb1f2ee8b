package worker_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// A worker that is stopped gives its jobs back, and the next one completes the export.
// Nothing of its unfinished files is left.
func TestStopInTheMiddle(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	open := f.gate(t, "patient")
	running := f.start(t, options{partBytes: 3 * 8192, slots: 2})
	id := f.accept(t, jobs.Request{})
	f.awaitReaders(t, 2)
	running.stop(t)

	require.Equal(t, 0, f.count(t, `SELECT count(*) FROM sluice.river_job WHERE state = 'running'`))
	require.Equal(t, 0, f.count(t, `SELECT max(attempt) FROM sluice.river_job WHERE state = 'available'`), "not counted")
	require.Equal(t, 1, f.count(t, `SELECT count(*) FROM sluice.river_job WHERE kind = 'sluice_export' AND state = 'available'`))
	f.awaitNoSessions(t)
	require.Zero(t, f.uploads(t))

	open()
	f.start(t, options{partBytes: 3 * 8192, slots: 2})
	export := f.await(t, id, jobs.Completed)
	f.requireWhole(t, export)
}

// If the stop timeout suffices, parts are not read twice.
func TestStopWithTime(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	open := f.gate(t, "patient")
	running := f.start(t, options{slots: 2, stopTimeout: time.Minute})
	id := f.accept(t, jobs.Request{})
	f.awaitReaders(t, 1)
	running.interrupt()
	open()
	running.stop(t)

	f.requireWhole(t, f.await(t, id, jobs.Completed))
	require.Equal(t, 1, f.count(t, `SELECT max(attempt) FROM sluice.river_job`))
}

func TestTwoWorkersShareAnExport(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	open := f.gate(t, "patient")
	one := f.start(t, options{partBytes: 3 * 8192, slots: 1})
	other := f.start(t, options{partBytes: 3 * 8192, slots: 1})
	id := f.accept(t, jobs.Request{})
	f.awaitReaders(t, 2)
	open()
	export := f.await(t, id, jobs.Completed)
	one.stop(t)
	other.stop(t)

	f.requireWhole(t, export)
	require.Equal(t, 1, export.Generation)
	require.Equal(t, 2, f.count(t, `SELECT count(DISTINCT attempted_by) FROM sluice.river_job WHERE kind = 'sluice_part'`))
}
