package worker_test

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// table is the DDL of a type's table as Aidbox lays it out, with its history.
func table(name string) string {
	columns := `(id text, txid bigint NOT NULL, ts timestamptz DEFAULT current_timestamp,
		cts timestamptz DEFAULT current_timestamp, resource_type text, status text, resource jsonb NOT NULL, PRIMARY KEY `
	return `CREATE TABLE ` + name + ` ` + columns + `(id));
		CREATE TABLE ` + name + `_history ` + columns + `(id, txid));`
}

const (
	// Rows of about 600 bytes, eleven on a page.
	patients = `INSERT INTO patient (id, txid, ts, cts, resource)
		SELECT 'pt-' || n, n, '2024-05-06 07:08:09.101112Z'::timestamptz + n * interval '1 hour', '2021-02-03 04:05:06Z',
			jsonb_build_object('name', jsonb_build_array(jsonb_build_object('family', 'Nuñez ' || n)), 'implicitRules', repeat(md5(n::text), 16))
		FROM generate_series(1, 200) AS n;`

	encounters = `INSERT INTO encounter (id, txid, resource)
		SELECT 'en-' || n, 1000 + n, jsonb_build_object('status', 'planned',
			'subject', jsonb_build_object('resourceType', 'Patient', 'id', 'pt-' || n), 'implicitRules', repeat(md5(n::text), 16))
		FROM generate_series(1, 100) AS n;`
)

// setup creates tables of 200 patients, 100 encounters and no observations.
func setup() string {
	return table("patient") + table("encounter") + table("observation") + patients + encounters
}

// oracleSQL makes PostgreSQL print the lines of a file in Aidbox's format.
const oracleSQL = `
SELECT (resource || jsonb_build_object('id', id, 'resourceType', $1::text, 'meta', jsonb_build_object(
	'versionId', txid,
	'createdAt', to_char(cts AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
	'lastUpdated', to_char(ts AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))))::text
FROM `

// oracle returns the lines that PostgreSQL prints for the table, sorted.
func (f *fixture) oracle(t *testing.T, resourceType, from string) []string {
	t.Helper()
	rows, err := f.db.Query(t.Context(), oracleSQL+from, resourceType)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	slices.Sort(lines)
	return lines
}

// gate makes readers of the table wait in the server, in the middle of their scan,
// until open is called.
func (f *fixture) gate(t *testing.T, name string) (open func()) {
	t.Helper()
	f.exec(t, `
		CREATE FUNCTION gate() RETURNS boolean LANGUAGE plpgsql AS
			'BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN true; END';
		ALTER TABLE `+name+` ENABLE ROW LEVEL SECURITY;
		CREATE POLICY gate ON `+name+` USING (gate())`)

	conn, err := f.db.Acquire(t.Context())
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `SELECT pg_advisory_lock(1)`)
	require.NoError(t, err)
	var opened bool
	open = func() {
		if !opened {
			opened = true
			_ = conn.Hijack().Close(t.Context()) // and the lock with it
		}
	}
	t.Cleanup(open)
	return open
}

// The sessions that wait at the gate. pg_locks shows them all the time, whereas their
// wait_event in pg_stat_activity is empty now and then.
const (
	waitsAtGate = ` FROM pg_locks
	WHERE locktype = 'advisory' AND (classid, objid, objsubid) = (0, 1, 1) AND NOT granted
	  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`

	atGateSQL           = `SELECT count(*)` + waitsAtGate
	terminateReadersSQL = `SELECT count(pg_terminate_backend(pid, 30000))` + waitsAtGate // waits for their end
)

// awaitReaders waits until n parts or more wait at the gate.
func (f *fixture) awaitReaders(t *testing.T, n int) {
	t.Helper()
	f.eventually(t, "parts are being read", func() bool { return f.count(t, atGateSQL) >= n })
}

// refuseOnce makes the first change of a row of the table to the state fail.
func (f *fixture) refuseOnce(t *testing.T, name, state string) {
	t.Helper()
	f.exec(t, `
		CREATE SEQUENCE tries;
		CREATE FUNCTION refuse_once() RETURNS trigger LANGUAGE plpgsql AS
			'BEGIN IF nextval(''tries'') = 1 THEN RAISE ''not now''; END IF; RETURN new; END';
		CREATE TRIGGER refuse_once BEFORE UPDATE ON `+name+` FOR EACH ROW
			WHEN (new.state = '`+state+`') EXECUTE FUNCTION refuse_once()`)
}

// terminateHolderSQL ends the session that holds the snapshot, which has the oldest
// transaction, and waits for its end. The state of that session is active now and then.
const terminateHolderSQL = `SELECT count(pg_terminate_backend(pid, 30000)) FROM (
	SELECT pid FROM pg_stat_activity WHERE xact_start IS NOT NULL AND ` + sessions + ` ORDER BY xact_start LIMIT 1) AS holder`

// awaitNoSessions waits until the source has no session of an export.
func (f *fixture) awaitNoSessions(t *testing.T) {
	t.Helper()
	f.eventually(t, "no session is left", func() bool {
		return f.count(t, `SELECT count(*) FROM pg_stat_activity WHERE `+sessions) == 0
	})
}

// sessions is the condition on pg_stat_activity for the sessions of an export in the
// source that have a transaction: those that hold a snapshot and those that read.
const sessions = `datname = current_database() AND application_name = 'sluice (sluice reader)' AND state <> 'idle'`
