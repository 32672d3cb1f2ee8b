package worker_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// requireNoRetry fails if a job of an export had more than one attempt.
func (f *fixture) requireNoRetry(t *testing.T) {
	t.Helper()
	require.Zero(t, f.count(t, `SELECT count(*) FROM sluice.river_job WHERE kind IN ('sluice_export', 'sluice_part') AND attempt > 1`))
}

func TestTableDenied(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	f.exec(t, `REVOKE SELECT ON encounter FROM `+f.role)
	log := &logBuffer{}
	running := f.start(t, options{logger: slog.New(slog.NewJSONHandler(log, nil))})
	id := f.accept(t, jobs.Request{})
	export := f.await(t, id, jobs.Failed)

	require.Equal(t, "Encounter: table encounter cannot be read: the database role of the server has no SELECT privilege on it", export.Failure)
	f.requireNoRetry(t)
	f.requireNothing(t, id)
	running.stop(t)
	require.Contains(t, log.String(), "no SELECT privilege", "the operator sees it too")
}

// A type whose table is dropped between the kick-off and the plan fails the export:
// that is not the same as a type without resources.
func TestTableGone(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	id := f.accept(t, jobs.Request{Types: []string{"Patient"}, Existing: true})
	f.exec(t, `DROP TABLE patient`)
	f.start(t, options{})
	export := f.await(t, id, jobs.Failed)

	require.Equal(t, "Patient: the table does not exist", export.Failure)
	f.requireNoRetry(t)
	f.requireNothing(t, id)
}

// TestUnusualTables: a table that is read by casts is exported whole, and one that
// cannot be read fails the export by name, also if the kick-off did not see it.
func TestUnusualTables(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup()+`
		CREATE TABLE device (id uuid, txid bigint, ts timestamptz, resource json);
		INSERT INTO device SELECT gen_random_uuid(), n, now(), json_build_object('n', n) FROM generate_series(1, 5000) AS n`)
	f.start(t, options{})
	id := f.accept(t, jobs.Request{Types: []string{"Device"}, Existing: true})
	f.await(t, id, jobs.Completed)
	require.Len(t, f.lines(t, id, "Device"), 5000)

	f.exec(t, `ALTER TABLE encounter ALTER ts TYPE timestamp`)
	export := f.await(t, f.accept(t, jobs.Request{}), jobs.Failed)
	require.Equal(t, "Encounter: table encounter cannot be read: column ts is of type timestamp without time zone, not timestamp with time zone", export.Failure)
	f.requireNoRetry(t)
}

// A backup of a table is not exported.
func TestBackupTable(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup()+`CREATE TABLE patient_backup AS SELECT * FROM patient WHERE txid <= 50`)
	f.start(t, options{})
	id := f.accept(t, jobs.Request{})
	f.requireWhole(t, f.await(t, id, jobs.Completed))
}

// An error in the data is not retried.
func TestDataError(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup()+`
		ALTER TABLE encounter ENABLE ROW LEVEL SECURITY;
		CREATE POLICY divides ON encounter USING (1 / (txid - txid) = 0);`)
	f.start(t, options{})
	id := f.accept(t, jobs.Request{})
	export := f.await(t, id, jobs.Failed)

	require.Equal(t, "Encounter.0001.ndjson.gz: the database reported an error (SQLSTATE 22012)", export.Failure)
	f.requireNoRetry(t)
	f.requireNothing(t, id)
}

// A source database that is not in UTF8 is exported, but not searched for strings.
func TestOtherEncoding(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "")
	f.sourceURL = sourcetest.DatabaseIn(t, "LATIN1")
	db := openPool(t, f.sourceURL+"&client_encoding=UTF8", 1)
	_, err := db.Exec(t.Context(), table("patient")+`INSERT INTO patient (id, txid, resource) VALUES ('p1', 1, '{"name": [{"family": "Jörg"}]}')`)
	require.NoError(t, err)
	f.start(t, options{})
	id := f.accept(t, jobs.Request{FHIR: true})
	f.await(t, id, jobs.Completed)
	require.Contains(t, f.lines(t, id, "Patient")[0], "Jörg")

	id = f.accept(t, jobs.Request{Filters: map[string][]string{"Patient": {"name=jo"}}})
	export := f.await(t, id, jobs.Failed)
	require.Equal(t, "Patient: the encoding of the source database lacks characters that the search needs; searching strings requires UTF8", export.Failure)
	f.requireNoRetry(t)
}

// A failure names the column that must not be null.
func TestNullColumn(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup()+`ALTER TABLE encounter ALTER resource DROP NOT NULL; UPDATE encounter SET resource = NULL;`)
	f.start(t, options{})
	export := f.await(t, f.accept(t, jobs.Request{Types: []string{"Encounter"}}), jobs.Failed)
	require.Contains(t, export.Failure, `column resource of table "public"."encounter" is null in a row`)
	f.requireNoRetry(t)
}

// A transient error is not retried without end.
func TestLastAttempt(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	f.gate(t, "patient")
	f.countAttempts(t, 2)
	f.start(t, options{slots: 1})
	id := f.accept(t, jobs.Request{Types: []string{"Patient"}})
	for range 2 {
		f.awaitReaders(t, 1)
		require.Equal(t, 1, f.count(t, terminateReadersSQL))
	}
	export := f.await(t, id, jobs.Failed)
	require.Equal(t, "Patient.0001.ndjson.gz: the database reported an error (SQLSTATE 57P01)", export.Failure)
}

func TestTooLong(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	f.gate(t, "patient")
	f.start(t, options{maxAge: time.Second})
	id := f.accept(t, jobs.Request{})
	export := f.await(t, id, jobs.Failed)

	require.Contains(t, export.Failure, "the export took longer than the server allows")
	f.requireNoRetry(t)
	f.requireNothing(t, id)
}

// A panic in a job is logged with its stack trace and fails the export. The worker
// continues.
func TestPanic(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	ids := []uuid.UUID{f.accept(t, jobs.Request{}), f.accept(t, jobs.Request{})}
	f.exec(t, `UPDATE sluice.river_job SET max_attempts = 1`)
	log := &logBuffer{}
	running := f.start(t, options{noSource: true, logger: slog.New(slog.NewJSONHandler(log, nil))})
	for _, id := range ids {
		export := f.await(t, id, jobs.Failed)
		require.Equal(t, "internal error; the server log has the details", export.Failure)
		f.requireNothing(t, id)
	}
	running.stop(t)
	require.Contains(t, log.String(), "nil pointer dereference")
	require.Contains(t, log.String(), "worker/export.go")
}

// A failure that cannot be recorded at once is recorded later. Otherwise the client
// would poll without end.
func TestFailureRecordedLater(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	f.exec(t, `REVOKE SELECT ON encounter FROM `+f.role)
	f.refuseOnce(t, "sluice.export", "failed")
	f.start(t, options{})
	id := f.accept(t, jobs.Request{})
	export := f.await(t, id, jobs.Failed)

	require.Equal(t, "Encounter: table encounter cannot be read: the database role of the server has no SELECT privilege on it", export.Failure)
	f.requireNothing(t, id)
}

// The failure of an attempt whose part was taken over does not affect the attempt that
// now reads the part.
func TestStaleFailure(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	open := f.gate(t, "patient")
	const gateSQL = `CREATE OR REPLACE FUNCTION gate() RETURNS boolean LANGUAGE plpgsql AS
		'BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN 1 / %s = 1; END'`
	f.exec(t, fmt.Sprintf(gateSQL, "0"))
	f.start(t, options{})
	id := f.accept(t, jobs.Request{})
	f.awaitReaders(t, 1)
	f.exec(t, fmt.Sprintf(gateSQL, "1")) // for later attempts
	// As another process leaves it that took the part and died an hour ago. Not in one
	// transaction: parts that end lock these rows in the other order.
	f.exec(t, `UPDATE sluice.river_job SET attempted_at = attempted_at - interval '1 hour' WHERE kind = 'sluice_part' AND state = 'running'`)
	f.exec(t, `UPDATE sluice.part SET attempt = attempt + 1, lease_until = now() - interval '1 hour' WHERE state = 'running'`)
	open()
	f.requireWhole(t, f.await(t, id, jobs.Completed))
}
