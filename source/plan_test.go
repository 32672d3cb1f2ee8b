package source_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source"
)

func TestPlan(t *testing.T) {
	t.Parallel()
	member := func(blocks int64) source.Member {
		return source.Member{Schema: "public", Name: "patient", Pages: blocks, Bytes: blocks * 8192}
	}
	plan := func(target int64, members ...source.Member) string {
		text := ""
		for _, r := range source.PageRanges(source.Table{Members: members}, target) {
			text += fmt.Sprintf("%s.%s %d-%d;", r.Schema, r.Name, r.From, r.To)
		}
		return text
	}

	require.Empty(t, plan(8192, member(0)))
	require.Equal(t, "public.patient 0-0;", plan(8192, member(1)))
	require.Equal(t, "public.patient 0-0;", plan(0, member(100)))
	require.Equal(t, "public.patient 0-3;public.patient 3-6;public.patient 6-0;", plan(4*8192, member(10)))
	require.Equal(t, "public.patient 0-1;public.patient 1-0;", plan(1, member(2)), "never less than a block")
	require.Equal(t, "public.patient 0-0;public.far 0-0;", plan(8192, member(1), source.Member{Schema: "public", Name: "far", Whole: true}))

	var bytes int64
	uneven := source.Member{Schema: "public", Name: "patient", Pages: 10, Bytes: 100_001} // with TOAST
	for _, r := range source.PageRanges(source.Table{Members: []source.Member{uneven}}, 30_000) {
		require.InDelta(t, 25_000, r.Bytes, 1)
		bytes += r.Bytes
	}
	require.Equal(t, uneven.Bytes, bytes)
	indexed := source.Member{Schema: "public", Name: "patient", Pages: 10, Bytes: 500, Whole: true}
	require.Equal(t, []source.PageRange{{Schema: "public", Name: "patient", Bytes: 500}}, source.PageRanges(source.Table{Members: []source.Member{indexed}}, 100))

	huge := source.PageRanges(source.Table{Members: []source.Member{member(1<<32 - 1)}}, 1<<35)
	require.Len(t, huge, 1<<10)
	for i := range huge[1:] {
		require.Equal(t, huge[i].To, huge[i+1].From)
		require.Less(t, huge[i].From, huge[i].To)
	}
}

// The ranges of a plan hold each row once, wherever in a tree of relations it
// lies, and also rows that came behind the last block planned.
func TestPlanCoversTable(t *testing.T) {
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
			ranges := source.PageRanges(table, 200<<10)
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
