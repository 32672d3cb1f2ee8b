package worker_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

const (
	// Patients in two partitions, half of the resources in each.
	partitions = `
		CREATE TABLE patient (id text, txid bigint NOT NULL, ts timestamptz DEFAULT current_timestamp,
			cts timestamptz DEFAULT current_timestamp, resource_type text, status text, resource jsonb NOT NULL) PARTITION BY RANGE (txid);
		CREATE TABLE patient_1 PARTITION OF patient FOR VALUES FROM (0) TO (101);
		CREATE TABLE patient_2 PARTITION OF patient FOR VALUES FROM (101) TO (2000);`
)

// loseHolder terminates the session that holds the snapshot, as a crash of its process
// does, and keeps other processes from taking the export until takeOver is called.
func (f *fixture) loseHolder(t *testing.T, id uuid.UUID) (takeOver func()) {
	t.Helper()
	heir, err := f.db.Acquire(t.Context())
	require.NoError(t, err)
	_, err = heir.Exec(t.Context(), `SELECT pg_advisory_lock(hashtextextended('sluice.export ' || $1::text, 0))`, id)
	require.NoError(t, err)
	require.Equal(t, 1, f.count(t, terminateHolderSQL))
	conn := heir.Hijack()
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return func() { require.NoError(t, conn.Close(t.Context())) }
}

// While no process holds the snapshot, the tables are not locked: a rewritten one has
// its rows on other pages than planned, or none. The export restarts, although a part
// still has the snapshot.
func TestTableRewrittenWithoutHolder(t *testing.T) {
	t.Parallel()
	const insert = `INSERT INTO patient (id, txid, resource) SELECT 'pt-new-' || n, n, '{}' FROM generate_series(1, 1000) AS n`
	for name, test := range map[string]struct {
		patients string // DDL of the table
		changes  []string
	}{
		"VacuumFull":       {table("patient"), []string{`DELETE FROM patient WHERE txid < 150`, `VACUUM FULL patient`}},
		"Cluster":          {table("patient"), []string{`UPDATE patient SET status = 'x' WHERE txid < 100`, `CLUSTER patient USING patient_pkey`}},
		"Truncate":         {table("patient"), []string{`TRUNCATE patient`, insert}},
		"PartitionCleared": {partitions, []string{`TRUNCATE patient_2`, insert}},
		"PartitionDropped": {partitions, []string{`DROP TABLE patient_2`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, test.patients+table("encounter")+patients+encounters)
			open := f.gate(t, "encounter")
			registry := prometheus.NewRegistry()
			f.start(t, options{partBytes: 3 * 8192, slots: 1, registry: registry})
			id := f.accept(t, jobs.Request{Types: []string{"Encounter", "Patient"}})
			f.awaitReaders(t, 1)
			former, err := f.store.Get(t.Context(), id)
			require.NoError(t, err)

			takeOver := f.loseHolder(t, id)
			for _, sql := range test.changes {
				f.exec(t, sql)
			}
			takeOver()
			f.eventually(t, "the export restarts", func() bool {
				return f.count(t, `SELECT generation FROM sluice.export WHERE id = $1`, id) == 2
			})
			open()
			export := f.await(t, id, jobs.Completed)

			require.Equal(t, 2, export.Generation)
			require.InDelta(t, 1, metric(t, registry, "sluice_export_restarts_total", "reason", "table_rewritten"), 0)
			require.True(t, export.TransactionTime.After(*former.TransactionTime))
			require.Equal(t, f.oracle(t, "Patient", "patient"), f.lines(t, id, "Patient"), "each resource once")
			require.Equal(t, f.oracle(t, "Encounter", "encounter"), f.lines(t, id, "Encounter"), "each resource once")
			require.Zero(t, f.uploads(t))
		})
	}
}

// A part does not read a table that was rewritten, although another part still has the
// snapshot and the export has not restarted yet.
func TestPartOfRewrittenTableWaits(t *testing.T) {
	t.Parallel()
	// The only part of encounters is the smallest, and so the last.
	f := newFixture(t, table("patient")+table("encounter")+patients+`INSERT INTO encounter (id, txid, resource) VALUES ('en-1', 1, '{}')`)
	open := f.gate(t, "patient")
	f.start(t, options{partBytes: 3 * 8192, slots: 1})
	id := f.accept(t, jobs.Request{})
	f.awaitReaders(t, 1)
	takeOver := f.loseHolder(t, id)
	f.exec(t, `TRUNCATE encounter; INSERT INTO encounter (id, txid, resource) VALUES ('en-2', 2, '{}'), ('en-3', 3, '{}')`)

	f.start(t, options{partBytes: 3 * 8192, slots: 16}) // for all parts there are
	f.eventually(t, "a part waits", func() bool {
		return f.count(t, `SELECT count(*) FROM sluice.part WHERE export_id = $1 AND resource_type = 'Encounter' AND attempt > 1`, id) > 0
	})
	require.Empty(t, f.keys(t, id))
	takeOver()
	f.eventually(t, "the export restarts", func() bool {
		return f.count(t, `SELECT generation FROM sluice.export WHERE id = $1`, id) == 2
	})
	open()
	f.await(t, id, jobs.Completed)
	f.requireFiles(t, id, map[string]int64{"Encounter": 2, "Patient": 200})
}

// A session that waits for an exclusive lock on a table gets it during an export: parts
// that have not been read yet would wait for it, and it for the holder of the snapshot.
func TestTableWantedByOther(t *testing.T) {
	t.Parallel()
	// Encounters are read last, and wait for the session that waits for the holder.
	f := newFixture(t, table("patient")+table("encounter")+patients+`INSERT INTO encounter (id, txid, resource) VALUES ('en-1', 1, '{}')`)
	open := f.gate(t, "patient")
	registry := prometheus.NewRegistry()
	f.start(t, options{slots: 1, giveWay: time.Second, registry: registry})
	id := f.accept(t, jobs.Request{Types: []string{"Encounter", "Patient"}})
	f.awaitReaders(t, 1)

	f.exec(t, `ALTER TABLE encounter ADD COLUMN added text`)
	open()
	export := f.await(t, id, jobs.Completed)
	require.Equal(t, 2, export.Generation)
	require.InDelta(t, 1, metric(t, registry, "sluice_export_restarts_total", "reason", "lock_requested"), 0)
	require.Equal(t, f.oracle(t, "Patient", "patient"), f.lines(t, id, "Patient"), "each resource once")
	require.Equal(t, f.oracle(t, "Encounter", "encounter"), f.lines(t, id, "Encounter"), "each resource once")
}
