package source_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
)

const partitioned = `
	CREATE TABLE encounter (id text, txid bigint, ts timestamptz, cts timestamptz, resource jsonb) PARTITION BY RANGE (txid);
	CREATE TABLE "Encounter 1" PARTITION OF encounter FOR VALUES FROM (0) TO (2000);
	CREATE TABLE encounter_2 PARTITION OF encounter FOR VALUES FROM (2000) TO (9000);`

// Locks are released with their holder. Then a table can be rewritten in spite of a
// snapshot; its page ranges are void and parts of it look empty.
func TestRewritten(t *testing.T) {
	t.Parallel()
	// some is common to all cases; each executes its change after the snapshot was
	// taken.
	const some = `INSERT INTO encounter (id, txid, resource) SELECT id, txid, resource FROM patient WHERE txid > 1500`
	for name, change := range map[string][]string{
		"VacuumFull":        {`DELETE FROM patient WHERE txid < 1000`, `VACUUM FULL patient`},
		"Cluster":           {`CLUSTER patient USING patient_pkey`},
		"Truncate":          {`TRUNCATE patient`},
		"AlterTable":        {`ALTER TABLE patient ALTER txid TYPE integer`},
		"Replaced":          {`ALTER TABLE patient RENAME TO patient_old; CREATE TABLE patient (LIKE patient_old INCLUDING ALL)`},
		"Dropped":           {`DROP TABLE patient`},
		"PartitionVacuumed": {`VACUUM FULL "Encounter 1"`},
		"PartitionDropped":  {`DROP TABLE "Encounter 1"`},
		"PartitionDetached": {`ALTER TABLE encounter DETACH PARTITION "Encounter 1"`},
		"PartitionAdded":    {`CREATE TABLE encounter_3 PARTITION OF encounter DEFAULT`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, aidbox("patient")+partitioned+manyRows+`; `+some)
			tables := []catalog.Table{f.table(t, "Patient"), f.table(t, "Encounter")}
			sn := f.snapshot(t)
			read := func(scan source.Scan) (rows int, err error) {
				err = scanAt(t.Context(), f.source, sn.ID, scan, func(*source.Row) error { rows++; return nil })
				return rows, err
			}
			for _, table := range tables {
				_, err := read(source.Scan{Table: table})
				require.NoError(t, err)
			}
			for _, sql := range change {
				f.exec(t, sql)
			}

			changed := 0
			for _, table := range tables {
				rows, err := read(source.Scan{Table: table})
				if err != nil {
					require.ErrorIs(t, err, catalog.ErrRewritten)
					require.ErrorIs(t, err, source.ErrSnapshotGone)
					require.Zero(t, rows)
					changed++
				}
			}
			require.Equal(t, 1, changed, "the other is as it was")

			_, err := sn.Tables(t.Context(), []string{"Patient", "Encounter"})
			require.ErrorIs(t, err, catalog.ErrRewritten)
		})
	}
}

// A part reads one partition and is not affected by changes of the others.
func TestRewrittenPartition(t *testing.T) {
	t.Parallel()
	f := newFixture(t, partitioned+`INSERT INTO encounter (id, txid, resource) SELECT 'e' || n, n, '{}' FROM generate_series(1, 5000) AS n`)
	ranges := catalog.PageRanges(f.table(t, "Encounter"), 0)
	require.Len(t, ranges, 2)
	sn := f.snapshot(t)
	f.exec(t, `VACUUM FULL "Encounter 1"`)

	for _, r := range ranges {
		rows := 0
		err := scanAt(t.Context(), f.source, sn.ID, source.Scan{Table: f.table(t, "Encounter"), Pages: r}, func(*source.Row) error { rows++; return nil })
		if r.Name == "Encounter 1" {
			require.ErrorIs(t, err, catalog.ErrRewritten)
		} else {
			require.NoError(t, err)
			require.Equal(t, 3001, rows)
		}
	}
}

// A rewritten table cannot be distinguished from one whose rows were deleted.
func TestRewrittenDeletions(t *testing.T) {
	t.Parallel()
	for _, rewritten := range []string{"patient", "patient_history"} {
		f := newFixture(t, fhirbaseDeletions)
		deletions := source.Deletions{Table: f.table(t, "Patient"), After: time.Date(2024, 5, 10, 0, 0, 0, 0, time.UTC)}
		sn := f.snapshot(t)
		f.exec(t, `TRUNCATE `+rewritten)
		reader, err := f.source.OpenReader(t.Context(), sn.ID)
		require.NoError(t, err)
		err = eachID(reader.Deletions(t.Context(), deletions))(func([]byte) error { return nil })
		reader.Close(t.Context())
		require.ErrorIs(t, err, catalog.ErrRewritten)
	}
}

// A scan locks the table, whichever process holds the snapshot.
func TestReaderKeepsTable(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient")+manyRows)
	reader, err := f.source.OpenReader(t.Context(), f.snapshot(t).ID)
	require.NoError(t, err)
	defer reader.Close(t.Context())
	require.NoError(t, eachRow(reader.Scan(t.Context(), source.Scan{Table: f.table(t, "Patient")}))(func(*source.Row) error { return nil }))
	_, err = f.db.Exec(t.Context(), `SET lock_timeout = '10ms'; TRUNCATE patient`)
	require.ErrorContains(t, err, "lock timeout")
}
