package plan

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source/catalog"
)

const (
	mib  = int64(1) << 20
	gib  = 1024 * mib
	page = int64(8192)
)

// aTable returns a table of one member, without TOAST.
func aTable(name string, bytes int64) catalog.Table {
	return catalog.Table{
		Type: name, Bytes: bytes, Pages: bytes / page,
		Members: []catalog.Member{{Schema: "public", Name: name, Bytes: bytes, Pages: bytes / page}},
	}
}

func TestDivide(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		what            string
		size, partBytes int64
		parts           int
	}{
		{"nothing", 0, 256 * mib, 0},
		{"a small table stays whole", 60 * mib, 256 * mib, 1},
		{"a little more is halved", 80 * mib, 256 * mib, 2},
		{"the floor", gib, 256 * mib, 16},
		{"four windows", 10 * gib, 256 * mib, 64},
		{"the ceiling", 100 * gib, 256 * mib, 400},
		{"a ceiling below the floor", 10 * mib, mib, 10},
		{"a ceiling that is too low", 100 * gib, 64 << 10, maxParts},
	} {
		parts, err := divide(uuid.New(), []catalog.Table{aTable("Patient", test.size)}, Referenced{}, Sizes{max: test.partBytes, floor: minPartBytes, window: jobs.DefaultWindow})
		require.NoError(t, err)
		require.Len(t, parts, test.parts, test.what)
	}
}

// pagesOf decodes the page range of a part.
func pagesOf(t *testing.T, part jobs.PlannedPart) catalog.PageRange {
	t.Helper()
	var planned tablePart
	require.NoError(t, json.Unmarshal(part.Scan, &planned))
	return planned.Pages
}

// For any tables, each page is in one part, no part is too large, only parts of small
// members are small, the parts together are the tables, and the numbers of each type's
// parts have no gaps.
func TestDivideProperties(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 3))
		partBytes := 32 * page << random.IntN(12)
		window := 1 + random.IntN(64)
		tables := randomTables(random)
		id := uuid.New()
		parts, err := divide(id, tables, Referenced{}, Sizes{max: partBytes, floor: minPartBytes, window: window})
		require.NoError(t, err)

		number, next, total := map[string]int{}, map[string]int64{}, int64(0)
		for _, part := range parts {
			pages := pagesOf(t, part)
			number[part.ResourceType]++
			require.Equal(t, fmt.Sprintf("%s/%s.%04d.ndjson.gz", id, part.ResourceType, number[part.ResourceType]), part.ObjectKey)
			require.Equal(t, next[pages.Name], pages.From, "seed %d: after the part before", seed)
			next[pages.Name] = pages.To
			require.LessOrEqual(t, part.Bytes, partBytes+page, "seed %d", seed)
			total += part.Bytes
		}
		for _, table := range tables {
			for _, m := range table.Members {
				require.Zero(t, next[m.Name], "seed %d: the last is open", seed)
				total -= m.Bytes
			}
		}
		require.Zero(t, total, "seed %d", seed)
		requireNoSmallParts(t, tables, parts, partBytes)
	}
}

// requireNoSmallParts fails on parts that are smaller than half of the maximum or of
// the floor, unless they are a whole member.
func requireNoSmallParts(t *testing.T, tables []catalog.Table, parts []jobs.PlannedPart, partBytes int64) {
	t.Helper()
	sizes := map[string]int64{}
	for _, table := range tables {
		for _, m := range table.Members {
			sizes[m.Name] = m.Bytes
		}
	}
	for _, part := range parts {
		if size := sizes[pagesOf(t, part).Name]; part.Bytes != size {
			require.GreaterOrEqual(t, part.Bytes, min(partBytes, minPartBytes)/2-page)
		}
	}
}

// randomTables returns some tables of one or more members each, of up to some hundred
// megabytes.
func randomTables(random *rand.Rand) []catalog.Table {
	tables := make([]catalog.Table, random.IntN(5))
	for i := range tables {
		table := catalog.Table{Type: fmt.Sprintf("Type%d", i)}
		for j := range 1 + random.IntN(3) {
			pages := random.Int64N(1 << (1 + random.IntN(15)))
			m := catalog.Member{Schema: "public", Name: fmt.Sprintf("table_%d_%d", i, j), Pages: pages, Bytes: pages * page}
			table.Members = append(table.Members, m)
			table.Bytes += m.Bytes
		}
		tables[i] = table
	}
	return tables
}

// There is work for all slots early, and the last parts are small.
func TestDivideManyTypes(t *testing.T) {
	t.Parallel()
	parts, err := divide(uuid.New(), []catalog.Table{aTable("A", 8*mib), aTable("B", 4*gib), aTable("C", mib), aTable("D", 500*mib)}, Referenced{}, Sizes{max: 256 * mib, floor: minPartBytes, window: 16})
	require.NoError(t, err)
	parts = largestFirst(parts)
	require.GreaterOrEqual(t, len(parts), 4*16)
	for i := range parts[1:] {
		require.GreaterOrEqual(t, parts[i].Bytes, parts[i+1].Bytes)
	}
	require.Equal(t, "C", parts[len(parts)-1].ResourceType)
}
