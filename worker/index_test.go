package worker_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

const (
	// plainPatients and cutPatients create a table without a history, the latter with
	// two partitions.
	plainPatients = `CREATE TABLE patient (id text, txid bigint, ts timestamptz, cts timestamptz, resource jsonb);`
	cutPatients   = `CREATE TABLE patient (id text, txid bigint, ts timestamptz, cts timestamptz, resource jsonb) PARTITION BY HASH (id);
		CREATE TABLE patient_0 PARTITION OF patient FOR VALUES WITH (MODULUS 2, REMAINDER 0);
		CREATE TABLE patient_1 PARTITION OF patient FOR VALUES WITH (MODULUS 2, REMAINDER 1);`

	// changing fills it with 100,000 rows, one changed in each second.
	changing = `INSERT INTO patient (id, txid, ts, cts, resource)
		SELECT 'pt-' || n, n, '2024-01-01Z'::timestamptz + n * interval '1 second', '2020-01-01Z',
			jsonb_build_object('implicitRules', repeat(md5(n::text), 3)) FROM generate_series(1, 100000) AS n;
		ANALYZE patient;`

	indexed = `CREATE INDEX ON patient (ts);`
)

// reads are PostgreSQL's statistics of the table's relations.
type reads struct{ sequential, byIndex int }

const readsSQL = `SELECT coalesce(sum(seq_scan), 0), coalesce(sum(idx_tup_fetch), 0) FROM pg_stat_user_tables WHERE relname LIKE 'patient%'`

// reads terminates the readers, which flushes their statistics, and returns the
// statistics.
func (f *fixture) reads(t *testing.T) (r reads) {
	t.Helper()
	const readers = `FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'sluice (sluice reader)'`
	f.exec(t, `SELECT pg_terminate_backend(pid) `+readers)
	f.eventually(t, "the readers are gone", func() bool { return f.count(t, `SELECT count(*) `+readers) == 0 })
	require.NoError(t, f.db.QueryRow(t.Context(), readsSQL).Scan(&r.sequential, &r.byIndex))
	return r
}

// countSetup ends the sessions that created the tables: the statistics of creating the
// indexes are flushed then, or a second later.
func (f *fixture) countSetup(t *testing.T) {
	t.Helper()
	f.db.Reset()
	f.eventually(t, "the sessions are gone", func() bool {
		return f.count(t, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`) == 0
	})
}

// An export of recent changes uses an index if there is one, and otherwise reads page
// ranges of the table.
func TestSinceByIndex(t *testing.T) {
	t.Parallel()
	const lately = 1000
	since := time.Date(2024, 1, 1, 0, 0, 100_000-lately, 0, time.UTC)

	for _, test := range []struct {
		name, setup string
		parts       int // 0: shares of the table
	}{
		{"Plain", plainPatients + indexed + changing, 1},
		{"Partitioned", cutPatients + indexed + changing, 2},
		{"PlainWithoutIndex", plainPatients + changing, 0},
		{"PartitionedWithoutIndex", cutPatients + changing, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, test.setup)
			f.countSetup(t)
			before := f.reads(t)
			f.start(t, options{partBytes: 1 << 20, slots: 2})
			id := f.accept(t, jobs.Request{Types: []string{"Patient"}, ChangedAfter: since})
			export := f.await(t, id, jobs.Completed)
			got := f.reads(t)

			f.requireFiles(t, id, map[string]int64{"Patient": lately})
			require.Equal(t, f.oracle(t, "Patient", "patient WHERE txid > 99000"), f.lines(t, id, "Patient"))
			size := int64(f.count(t, `SELECT sum(pg_relation_size(oid)) FROM pg_class WHERE relname LIKE 'patient%' AND relkind = 'r'`))
			if test.parts == 0 {
				require.Greater(t, export.PartsTotal, 10)
				require.Equal(t, size, export.BytesPlanned)
				require.Equal(t, before.byIndex, got.byIndex)
				return
			}
			require.Equal(t, test.parts, export.PartsTotal)
			require.Equal(t, before.sequential, got.sequential, "the table was not read whole")
			require.GreaterOrEqual(t, got.byIndex-before.byIndex, lately)
			require.InDelta(t, size*lately/100_000, export.BytesPlanned, float64(size)/100, "progress is of what is to be read")
		})
	}
}

// wideClaims are claims of patients that are too large for PostgreSQL to have
// statistics of their content, with indexes.
const wideClaims = `CREATE TABLE claim (id text, txid bigint, ts timestamptz, cts timestamptz, resource jsonb);
	INSERT INTO claim (id, txid, ts, cts, resource)
	SELECT 'c-' || n, n, '2024-01-01Z', '2024-01-01Z', jsonb_build_object(
		'patient', jsonb_build_object('resourceType', 'Patient', 'id', 'p-' || n % 100), 'implicitRules', repeat(md5(n::text), 40))
	FROM generate_series(1, 5000) AS n;
	CREATE INDEX ON claim USING gin (resource jsonb_path_ops);
	CREATE INDEX ON claim (id) WHERE resource::text LIKE '%\_history%';
	ANALYZE claim;`

// The resources of all patients are nearly all rows: page ranges are read, although an
// index could find them. Those of one patient are looked up.
func TestPatientsByShares(t *testing.T) {
	t.Parallel()
	f := newFixture(t, plainPatients+wideClaims)
	f.exec(t, `INSERT INTO patient (id, txid, ts, cts, resource) VALUES ('p-7', 1, '2024-01-01Z', '2024-01-01Z', '{}')`)
	f.start(t, options{partBytes: 1 << 20, slots: 2})

	id := f.accept(t, jobs.Request{Level: jobs.PatientLevel, Types: []string{"Claim"}})
	export := f.await(t, id, jobs.Completed)
	require.Greater(t, export.PartsTotal, 3)
	f.requireFiles(t, id, map[string]int64{"Claim": 5000})

	id = f.accept(t, jobs.Request{Level: jobs.PatientLevel, Types: []string{"Claim"}, Patients: []string{"p-7"}})
	require.Equal(t, 1, f.await(t, id, jobs.Completed).PartsTotal)
	f.requireFiles(t, id, map[string]int64{"Claim": 50})
}

// The members of a small Group are found once and their resources looked up by an
// index. A table without any is not read. The members of a large Group are a set.
func TestGroupByIndex(t *testing.T) {
	t.Parallel()
	f := newFixture(t, plainPatients+wideClaims+`
		CREATE TABLE "group" (LIKE patient, PRIMARY KEY (id));
		INSERT INTO "group" (id, txid, ts, resource) SELECT 'other-' || n, n, '2024-01-01Z', '{}' FROM generate_series(1, 5000) AS n;
		CREATE TABLE coverage (LIKE claim INCLUDING INDEXES);
		INSERT INTO coverage (id, txid, ts, cts, resource) SELECT id, txid, ts, cts, resource || '{"beneficiary": {"resourceType": "Patient", "id": "p-8"}}' FROM claim;
		INSERT INTO "group" (id, txid, ts, cts, resource)
		SELECT name, 1, '2024-01-01Z', '2024-01-01Z', jsonb_build_object('member', jsonb_agg(jsonb_build_object('entity', jsonb_build_object('resourceType', 'Patient', 'id', 'p-' || n))))
		FROM (VALUES ('small', 2), ('large', 1002)) AS g (name, size), generate_series(7, 6 + size) AS n WHERE n <> 8 GROUP BY name;
		ANALYZE;`)
	f.start(t, options{partBytes: 1 << 20, slots: 2})

	for _, test := range []struct {
		group     string
		members   []string
		resources int64
		parts     int
	}{
		{"small", []string{"p-7"}, 50, 1},
		{"large", nil, 92 * 50, 0}, // p-7 and p-9 to p-99
	} {
		id := f.accept(t, jobs.Request{Level: jobs.GroupLevel, Group: test.group, Types: []string{"Claim", "Coverage"}})
		export := f.await(t, id, jobs.Completed)
		f.requireFiles(t, id, map[string]int64{"Claim": test.resources})
		var members []string
		require.NoError(t, f.db.QueryRow(t.Context(), `SELECT members FROM sluice.export WHERE id = $1`, id).Scan(&members))
		require.Equal(t, test.members, members)
		if test.parts > 0 {
			require.Equal(t, test.parts, export.PartsTotal)
		} else {
			require.Greater(t, export.PartsTotal, 3)
		}
	}
}
