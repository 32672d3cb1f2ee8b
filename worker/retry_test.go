package worker_test

import (
	"log/slog"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// requireWhole fails unless the export contains each resource once.
func (f *fixture) requireWhole(t *testing.T, export jobs.Export) {
	t.Helper()
	f.requireFiles(t, export.ID, map[string]int64{"Encounter": 100, "Patient": 200})
	require.Equal(t, f.oracle(t, "Patient", "patient"), f.lines(t, export.ID, "Patient"))
	require.Equal(t, f.oracle(t, "Encounter", "encounter"), f.lines(t, export.ID, "Encounter"))
	require.Zero(t, f.uploads(t))
}

func TestReaderTerminated(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	open := f.gate(t, "patient")
	f.start(t, options{partBytes: 8 * 8192, slots: 2})
	id := f.accept(t, jobs.Request{})
	f.awaitReaders(t, 2)
	require.Equal(t, 2, f.count(t, terminateReadersSQL))
	open()
	export := f.await(t, id, jobs.Completed)

	f.requireWhole(t, export)
	require.Equal(t, 1, export.Generation, "the snapshot was still held")
	require.Equal(t, 2, f.count(t, `SELECT count(*) FROM sluice.river_job WHERE kind = 'sluice_part' AND attempt = 2`))
}

// The store is unreachable for a moment during uploads.
func TestStoreUnreachableForAMoment(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	open := f.gate(t, "patient")
	proxy := newProxy(t, f.bucketURL)
	f.start(t, options{bucketURL: proxy.url, partBytes: 3 * 8192, slots: 2})
	id := f.accept(t, jobs.Request{})
	f.awaitReaders(t, 2)
	proxy.refuse()
	open()
	receive(t, proxy.seen)
	proxy.serve()
	export := f.await(t, id, jobs.Completed)

	f.requireWhole(t, export)
	require.Equal(t, 1, export.Generation)
}

// A part that was staged but could not be marked done is staged again, and the first
// attempt's objects are discarded.
func TestPartNotMarkedDone(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	f.refuseOnce(t, "sluice.part", "done")
	f.start(t, options{})
	id := f.accept(t, jobs.Request{})
	f.requireWhole(t, f.await(t, id, jobs.Completed))
	require.Equal(t, 1, f.count(t, `SELECT count(*) FROM sluice.river_job WHERE kind = 'sluice_part' AND attempt = 2`))
}

// A database that accepts connections and does not respond until they time out does not
// make the export time out.
func TestSourceSilentForAMoment(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	proxy := newProxy(t, f.sourceURL)
	proxy.hush()
	f.start(t, options{sourceURL: proxy.url + "&connect_timeout=1"})
	id := f.accept(t, jobs.Request{})
	receive(t, proxy.seen)
	f.awaitWaiting(t, id, "the source database cannot be reached")
	proxy.serve()
	f.requireWhole(t, f.await(t, id, jobs.Completed))
}

// The holder of the snapshot is terminated, but parts that are being read still have
// it: the export continues with the same state.
func TestSnapshotHolderTerminated(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	open := f.gate(t, "patient")
	f.start(t, options{partBytes: 3 * 8192, slots: 2})
	id := f.accept(t, jobs.Request{})
	f.awaitReaders(t, 2)
	former, err := f.store.Get(t.Context(), id)
	require.NoError(t, err)
	patients, encounters := f.oracle(t, "Patient", "patient"), f.oracle(t, "Encounter", "encounter")
	held := f.snapshot(t, id)

	f.exec(t, `DELETE FROM encounter WHERE id IN ('en-1', 'en-51'); DELETE FROM patient WHERE id = 'pt-200'`)
	require.Equal(t, 1, f.count(t, terminateHolderSQL))
	f.eventually(t, "another holder has it", func() bool { return f.snapshot(t, id) != held })
	open()
	export := f.await(t, id, jobs.Completed)

	require.Equal(t, patients, f.lines(t, id, "Patient"))
	require.Equal(t, encounters, f.lines(t, id, "Encounter"))
	require.Equal(t, former.TransactionTime, export.TransactionTime)
	require.Equal(t, 1, export.Generation)
	require.Equal(t, 1, f.count(t, `SELECT attempt FROM sluice.river_job WHERE kind = 'sluice_export'`), "the same process has it again, at once")
	require.Zero(t, f.uploads(t))
}

// snapshot returns the name of the export's snapshot.
func (f *fixture) snapshot(t *testing.T, id uuid.UUID) (name string) {
	t.Helper()
	require.NoError(t, f.db.QueryRow(t.Context(), `SELECT snapshot FROM sluice.export WHERE id = $1`, id).Scan(&name))
	return name
}

// No session holds the snapshot any more: the export restarts, and shows only the new
// state.
func TestSnapshotLost(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	open := f.gate(t, "encounter")
	log := &logBuffer{}
	f.start(t, options{partBytes: 3 * 8192, slots: 2, logger: slog.New(slog.NewJSONHandler(log, nil))})
	id := f.accept(t, jobs.Request{})
	f.awaitReaders(t, 2)
	require.NotEmpty(t, f.keys(t, id), "some files show the old state")
	former, err := f.store.Get(t.Context(), id)
	require.NoError(t, err)

	f.exec(t, `DELETE FROM encounter; INSERT INTO patient (id, txid, resource) VALUES ('pt-new', 1, '{}')`)
	f.loseSnapshot(t, id)
	open()
	export := f.await(t, id, jobs.Completed)

	f.requireFiles(t, id, map[string]int64{"Patient": 201})
	require.Equal(t, f.oracle(t, "Patient", "patient"), f.lines(t, id, "Patient"))
	require.True(t, export.TransactionTime.After(*former.TransactionTime))
	require.Equal(t, 2, export.Generation)
	require.Equal(t, "snapshot_lost", log.requireLine(t, "export restarted", id)["reason"])
	require.Len(t, log.lines(t, "export started"), 2)
	require.Zero(t, f.uploads(t))
}

// loseSnapshot terminates all sessions that hold the snapshot of a running export and
// waits until it is restarted.
func (f *fixture) loseSnapshot(t *testing.T, id uuid.UUID) {
	t.Helper()
	const terminateAll = `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE ` + sessions
	held := f.snapshot(t, id)
	require.GreaterOrEqual(t, f.count(t, terminateAll), 3)
	f.eventually(t, "the export is restarted", func() bool {
		var generation int
		var snapshot string
		require.NoError(t, f.db.QueryRow(t.Context(), `SELECT generation, coalesce(snapshot, $2) FROM sluice.export WHERE id = $1`, id, held).Scan(&generation, &snapshot))
		if generation == 1 && snapshot != held { // imported from a session that was terminated a moment later
			held = snapshot
			f.exec(t, terminateAll)
		}
		return generation == 2
	})
}
