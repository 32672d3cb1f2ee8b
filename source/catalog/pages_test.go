package catalog_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source/catalog"
)

func TestPageRanges(t *testing.T) {
	t.Parallel()
	member := func(blocks int64) catalog.Member {
		return catalog.Member{Schema: "public", Name: "patient", Pages: blocks, Bytes: blocks * 8192}
	}
	plan := func(target int64, members ...catalog.Member) string {
		text := ""
		for _, r := range catalog.PageRanges(catalog.Table{Members: members}, target) {
			text += fmt.Sprintf("%s.%s %d-%d;", r.Schema, r.Name, r.From, r.To)
		}
		return text
	}

	require.Empty(t, plan(8192, member(0)))
	require.Equal(t, "public.patient 0-0;", plan(8192, member(1)))
	require.Equal(t, "public.patient 0-0;", plan(0, member(100)))
	require.Equal(t, "public.patient 0-3;public.patient 3-6;public.patient 6-0;", plan(4*8192, member(10)))
	require.Equal(t, "public.patient 0-1;public.patient 1-0;", plan(1, member(2)), "never less than a block")
	require.Equal(t, "public.patient 0-0;public.far 0-0;", plan(8192, member(1), catalog.Member{Schema: "public", Name: "far", Unsplit: true}))

	var bytes int64
	uneven := catalog.Member{Schema: "public", Name: "patient", Pages: 10, Bytes: 100_001} // with TOAST
	for _, r := range catalog.PageRanges(catalog.Table{Members: []catalog.Member{uneven}}, 30_000) {
		require.InDelta(t, 25_000, r.Bytes, 1)
		bytes += r.Bytes
	}
	require.Equal(t, uneven.Bytes, bytes)
	indexed := catalog.Member{Schema: "public", Name: "patient", Pages: 10, Bytes: 500, Unsplit: true}
	require.Equal(t, []catalog.PageRange{{Schema: "public", Name: "patient", Bytes: 500}}, catalog.PageRanges(catalog.Table{Members: []catalog.Member{indexed}}, 100))

	huge := catalog.PageRanges(catalog.Table{Members: []catalog.Member{member(1<<32 - 1)}}, 1<<35)
	require.Len(t, huge, 1<<10)
	for i := range huge[1:] {
		require.Equal(t, huge[i].To, huge[i+1].From)
		require.Less(t, huge[i].From, huge[i].To)
	}
}
