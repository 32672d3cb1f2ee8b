package source_test

import (
	"crypto/md5"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/sqltext"
)

// changes fills the table patient with 10,000 rows that changed one a minute from
// 2024 on, until the 7th of January.
const changes = `;INSERT INTO patient (id, txid, ts, cts, resource)
	SELECT 'pt-' || n, n, '2024-01-01Z'::timestamptz + n * interval '1 minute', '2020-01-01Z',
		jsonb_build_object('text', repeat(md5(n::text), 10)) FROM generate_series(1, 10000) AS n;
	ANALYZE;`

// partitions make the table patient of two, the rows of 2024's first two days in
// the one.
const partitions = `CREATE TABLE patient (id text, txid bigint, ts timestamptz, cts timestamptz, resource jsonb) PARTITION BY RANGE (txid);
	CREATE TABLE patient_old PARTITION OF patient FOR VALUES FROM (0) TO (2880);
	CREATE TABLE patient_new PARTITION OF patient FOR VALUES FROM (2880) TO (20000);`

func TestPlanIndexes(t *testing.T) {
	t.Parallel()
	lateChange := time.Date(2024, 1, 7, 12, 0, 0, 0, time.UTC) // of which there were 640 or so
	earlyChange := time.Date(2024, 1, 1, 12, 0, 0, 0, time.UTC)

	for _, test := range []struct {
		name, setup string
		since       time.Time
		whole       []bool // of the members
	}{
		{"NoIndex", aidbox("patient") + changes, lateChange, []bool{false}},
		{"Index", aidbox("patient") + `CREATE INDEX ON patient (ts)` + changes, lateChange, []bool{true}},
		{"Bitmap", aidbox("patient") + `CREATE INDEX ON patient USING brin (ts) WITH (pages_per_range = 4)` + changes, lateChange, []bool{true}},
		{"AlmostAll", aidbox("patient") + `CREATE INDEX ON patient (ts)` + changes, earlyChange, []bool{false}},
		{"Partitions", partitions + `CREATE INDEX ON patient (ts)` + changes, lateChange, []bool{true, true}},
		{"OnePartition", partitions + `CREATE INDEX ON patient_new (ts)` + changes, lateChange, []bool{true, false}},
		{"Empty", aidbox("patient") + `CREATE INDEX ON patient (ts)`, lateChange, []bool{false}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, test.setup)
			sn := f.snapshot(t)
			tables, err := sn.Tables(t.Context(), []string{"Patient"})
			require.NoError(t, err)
			table := tables[0]

			same, err := sn.PlanIndexes(t.Context(), source.Scan{Table: table})
			require.NoError(t, err)
			require.Equal(t, table, same, "all is wanted")

			got, err := sn.PlanIndexes(t.Context(), source.Scan{Table: table, ChangedAfter: test.since})
			require.NoError(t, err)
			require.Len(t, got.Members, len(test.whole))
			var bytes int64
			for i, m := range got.Members {
				require.Equal(t, test.whole[i], m.Unsplit, m.Name)
				if !m.Unsplit {
					require.Equal(t, table.Members[i], m)
				}
				bytes += m.Bytes
			}
			require.Equal(t, bytes, got.Bytes)
			if test.whole[0] && test.since.Equal(lateChange) {
				require.Less(t, got.Members[0].Bytes, table.Members[0].Bytes/5, "what the index finds")
			}
			if test.name == "NoIndex" || test.name == "AlmostAll" {
				require.Equal(t, table, got)
			}

			ids := 0
			for _, blocks := range catalog.PageRanges(got, 100<<10) {
				ids += len(f.ids(t, source.Scan{Table: table, ChangedAfter: test.since, Pages: blocks}))
			}
			require.Len(t, f.ids(t, source.Scan{Table: table, ChangedAfter: test.since}), ids)
		})
	}
}

func TestPlanIndexesCreated(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient")+changes+`UPDATE patient SET cts = ts; CREATE INDEX ON patient (cts); ANALYZE`)
	sn := f.snapshot(t)
	tables, err := sn.Tables(t.Context(), []string{"Patient"})
	require.NoError(t, err)
	since := time.Date(2024, 1, 7, 12, 0, 0, 0, time.UTC)

	got, err := sn.PlanIndexes(t.Context(), source.Scan{Table: tables[0], CreatedAfter: since})
	require.NoError(t, err)
	require.True(t, got.Members[0].Unsplit)
	got, err = sn.PlanIndexes(t.Context(), source.Scan{Table: tables[0], ChangedAfter: since})
	require.NoError(t, err)
	require.False(t, got.Members[0].Unsplit)
}

// What an index finds of a lookup is read so, if that is little, and nothing is
// read where there is nothing to find.
func TestPlanIndexesLookup(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient")+changes+`CREATE INDEX ON patient USING gin (resource jsonb_path_ops); ANALYZE`)
	sn := f.snapshot(t)
	tables, err := sn.Tables(t.Context(), []string{"Patient"})
	require.NoError(t, err)
	table := tables[0]

	narrow := func(documents string) catalog.Table {
		got, err := sn.PlanIndexes(t.Context(), source.Scan{Table: table, Condition: sqltext.Condition{
			Where: sqltext.New(`EXISTS (SELECT FROM unnest({documents}) AS d WHERE r.resource @> d) AND r.id <> {id}`, sqltext.Values{
				"documents": sqltext.Arg(documents, "jsonb[]"), "id": sqltext.Arg("nobody", "text"),
			}),
			Lookup: sqltext.New(`SELECT r.ctid FROM unnest({documents}) AS d CROSS JOIN LATERAL (
				SELECT r.ctid FROM {rows} AS r WHERE r.resource @> d OFFSET 0) AS r`, sqltext.Values{
				"documents": sqltext.Arg(documents, "jsonb[]"),
			}),
		}})
		require.NoError(t, err)
		return got
	}
	text := fmt.Sprintf(`{"text":%q}`, strings.Repeat(fmt.Sprintf("%x", md5.Sum([]byte("7"))), 10))
	got := narrow(fmt.Sprintf("{%q}", text))
	require.True(t, got.Members[0].ByLookup)
	require.True(t, got.Members[0].Unsplit)
	require.Less(t, got.Bytes, table.Bytes/5000)
	require.Len(t, catalog.PageRanges(got, 1), 1)

	require.Empty(t, catalog.PageRanges(narrow(`{"{\"text\": \"none\"}"}`), 1))
	require.False(t, narrow(`{"{}"}`).Members[0].ByLookup, "all that there is")
}

// Without an index, a lookup would read the table for each thing it looks for.
func TestPlanIndexesLookupWithoutIndex(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient")+changes)
	sn := f.snapshot(t)
	tables, err := sn.Tables(t.Context(), []string{"Patient"})
	require.NoError(t, err)
	document := sqltext.Values{"document": sqltext.Arg(`{"a":1}`, "jsonb")}
	only := sqltext.Condition{
		Where:  sqltext.New(`r.resource @> {document}`, document),
		Lookup: sqltext.New(`SELECT r.ctid FROM {rows} AS r WHERE r.resource @> {document}`, document),
	}
	got, err := sn.PlanIndexes(t.Context(), source.Scan{Table: tables[0], Condition: only})
	require.NoError(t, err)
	require.Equal(t, tables[0], got)
}
