package source_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
)

func TestScanRows(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient")+`INSERT INTO patient (id, txid, ts, cts, resource) VALUES
		('a', 9223372036854775807, '2021-06-10 08:26:10.707454Z', '1969-12-31 23:59:59.999999Z', '{"b": [1.50, "é"], "a": null}'),
		('b', 0, NULL, 'infinity', '[]'),
		('c', 1, '-infinity', '0044-03-15 12:00:00+00 BC', '{}')`)

	var rows []source.Row
	err := eachRow(f.source.Scan(t.Context(), source.Scan{Table: f.table(t, "Patient")}))(func(row *source.Row) error {
		rows = append(rows, source.Row{
			ID: slices.Clone(row.ID), TxID: row.TxID, Changed: row.Changed, Created: row.Created, Resource: []byte(text(t, row)),
		})
		return nil
	})
	require.NoError(t, err)

	at := func(micros int64) source.Time { return source.Time{Micros: micros, Valid: true} }
	bc := time.Date(-43, 3, 15, 12, 0, 0, 0, time.UTC)
	require.Equal(t, []source.Row{
		{ID: []byte("a"), TxID: 1<<63 - 1, Changed: at(1623313570707454), Created: at(-1), Resource: []byte(`{"a": null, "b": [1.50, "é"]}`)},
		{ID: []byte("b"), Resource: []byte(`[]`)},
		{ID: []byte("c"), TxID: 1, Created: at(bc.UnixMicro()), Resource: []byte(`{}`)},
	}, rows)
}

func TestScanSince(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient")+`
		INSERT INTO patient (id, txid, cts, ts, resource) VALUES
			('old', 1, '2020-01-01Z', '2020-01-01Z', '{}'),
			('changed', 2, '2020-01-01Z', '2021-01-01 00:00:00.000001Z', '{}'),
			('new', 3, '2021-01-01 00:00:00.000001Z', '2022-01-01Z', '{}'),
			('unknown', 4, NULL, NULL, '{}');
		CREATE TABLE encounter AS SELECT id, txid, ts, resource FROM patient`)
	since := time.Date(2021, 1, 1, 1, 0, 0, 0, time.FixedZone("", 3600))
	patient, encounter := f.table(t, "Patient"), f.table(t, "Encounter")

	require.Equal(t, []string{"new"}, f.ids(t, source.Scan{Table: patient, CreatedAfter: since}))
	require.Equal(t, []string{"changed", "new"}, f.ids(t, source.Scan{Table: patient, ChangedAfter: since}))
	require.Equal(t, []string{"new"}, f.ids(t, source.Scan{Table: patient, ChangedAfter: since.Add(time.Microsecond)}))
	require.Equal(t, []string{"changed", "new"}, f.ids(t, source.Scan{Table: encounter, CreatedAfter: since}), "no cts: the last change counts")
	require.Len(t, f.ids(t, source.Scan{Table: patient}), 4)
}

func TestScanWrongColumn(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `
		CREATE TABLE patient (id text, txid bigint, ts timestamptz, resource jsonb);
		CREATE TABLE encounter (id text, txid bigint, ts timestamptz, resource jsonb);
		INSERT INTO encounter VALUES ('a', NULL, now(), '{}')`)
	patient, encounter := f.table(t, "Patient"), f.table(t, "Encounter")
	f.exec(t, `ALTER TABLE patient ALTER id TYPE int USING 1`)

	for want, table := range map[string]catalog.Table{
		`column id of table "public"."patient" is not of type text`:  patient,
		`column txid of table "public"."encounter" is null in a row`: encounter,
	} {
		err := eachRow(f.source.Scan(t.Context(), source.Scan{Table: table}))(func(*source.Row) error { return nil })
		var columnErr *catalog.ColumnError
		require.ErrorAs(t, err, &columnErr)
		require.EqualError(t, columnErr, want)
	}
}

// A scan that is ended early leaves no query in the server, whether it was sending
// rows or searching for the first.
func TestScanCutShort(t *testing.T) {
	t.Parallel()

	// Endless rows, so that reading the rest would not end.
	const endless = `CREATE VIEW v AS SELECT 'id' AS id, generate_series(1, 1000000000000) AS txid,
		now() AS ts, now() AS cts, jsonb_build_object('text', repeat('x', 1000)) AS resource`
	scan := source.Scan{Table: catalog.Table{Type: "V", Schema: "public", Name: "v", HasCreated: true}}

	t.Run("ByContext", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, endless)
		ctx, cancel := context.WithCancel(t.Context())
		rows := 0
		err := eachRow(f.source.Scan(ctx, scan))(func(*source.Row) error {
			rows++
			cancel()
			return nil
		})
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, 1, rows)
		require.Empty(t, f.running(t))
	})

	t.Run("ByCallback", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, endless)
		full := errors.New("full")
		err := eachRow(f.source.Scan(t.Context(), scan))(func(*source.Row) error { return full })
		require.Equal(t, full, err, "as it is")
		require.Empty(t, f.running(t))
	})

	t.Run("BeforeTheFirstRow", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, aidbox("encounter")+`
			INSERT INTO encounter (id, txid, resource) VALUES ('e', 1, '{}');
			CREATE FUNCTION slow() RETURNS timestamptz LANGUAGE sql AS 'SELECT now() FROM pg_sleep(600)';
			CREATE VIEW v AS SELECT id, txid, slow() AS ts, slow() AS cts, resource FROM encounter`)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- eachRow(f.source.Scan(ctx, scan))(func(*source.Row) error { return nil })
		}()
		require.Eventually(t, func() bool { return len(f.running(t)) == 1 }, patience, time.Millisecond)
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
		require.Empty(t, f.running(t))
	})
}

// running lists the queries of the Source that the server is executing. The session
// of a reader that had read its range when a scan was ended is idle in its
// transaction until the pool has closed it.
func (f fixture) running(t *testing.T) []string {
	t.Helper()
	var queries []string
	err := f.db.QueryRow(t.Context(), `SELECT array_agg(query) FROM pg_stat_activity
		WHERE datname = current_database() AND query LIKE 'SELECT r.id, r.txid,%' AND state = 'active'`).Scan(&queries)
	require.NoError(t, err)
	return queries
}

// The ranges of a plan hold each row once, wherever in a tree of relations it
// lies, and also rows that came behind the last block planned.
func TestPageRangesCoverTable(t *testing.T) {
	t.Parallel()
	for name, setup := range map[string]string{
		"Ordinary": aidbox("patient") + manyRows,
		"Partitioned": `CREATE TABLE patient (id text, txid bigint, ts timestamptz, cts timestamptz, resource jsonb) PARTITION BY RANGE (txid);
			CREATE TABLE "p 1" PARTITION OF patient FOR VALUES FROM (0) TO (2000);
			CREATE TABLE p2 PARTITION OF patient FOR VALUES FROM (2000) TO (9000) PARTITION BY HASH (id);
			CREATE TABLE p2a PARTITION OF p2 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
			CREATE TABLE p2b PARTITION OF p2 FOR VALUES WITH (MODULUS 2, REMAINDER 1);` + manyRows,
		"Inherited": aidbox("patient") + `CREATE TABLE heir () INHERITS (patient); ` + manyRows + `;
			INSERT INTO heir SELECT * FROM patient WHERE txid > 1000; DELETE FROM ONLY patient WHERE txid > 1000`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, setup)
			table := f.table(t, "Patient")
			ranges := catalog.PageRanges(table, 200<<10)
			require.Greater(t, len(ranges), 10)
			f.exec(t, `INSERT INTO patient (id, txid, resource) SELECT 'late-' || n, 8000, '{}' FROM generate_series(1, 2000) AS n`)

			var got []string
			for _, r := range ranges {
				got = append(got, f.ids(t, source.Scan{Table: table, Pages: r})...)
			}
			want := f.ids(t, source.Scan{Table: table})
			slices.Sort(got)
			slices.Sort(want)
			require.Len(t, want, 7000)
			require.Equal(t, want, got)
		})
	}
}
