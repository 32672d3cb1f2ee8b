package worker

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source"
)

const (
	mib   = int64(1) << 20
	gib   = 1024 * mib
	block = int64(8192)
)

// aTable is one of a single member, without TOAST.
func aTable(name string, bytes int64) reading {
	return reading{Scan: source.Scan{Table: source.Table{
		Type: name, Bytes: bytes, Pages: bytes / block,
		Members: []source.Member{{Schema: "public", Name: name, Bytes: bytes, Pages: bytes / block}},
	}}}
}

func TestCut(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		what            string
		size, partBytes int64
		parts           int
	}{
		{"nothing", 0, 256 * mib, 0},
		{"a small table stays whole", 30 * mib, 256 * mib, 1},
		{"a little more is halved", 40 * mib, 256 * mib, 2},
		{"the floor", gib, 256 * mib, 32},
		{"four windows", 10 * gib, 256 * mib, 64},
		{"the ceiling", 100 * gib, 256 * mib, 400},
		{"a ceiling below the floor", 10 * mib, mib, 10},
		{"a ceiling that is too low", 100 * gib, 64 << 10, maxParts},
	} {
		parts, err := cut(uuid.New(), []reading{aTable("Patient", test.size)}, partSizes{most: test.partBytes, worth: minPartBytes, window: jobs.DefaultWindow})
		require.NoError(t, err)
		require.Len(t, parts, test.parts, test.what)
	}
}

// scan reads what was planned for the scanner.
func scan(t *testing.T, part jobs.PlannedPart) (scan source.Scan) {
	t.Helper()
	require.NoError(t, json.Unmarshal(part.Scan, &scan))
	return scan
}

// Whatever the tables are: each block is in one part, no part is too large, only
// those of small members are small, the parts together are the tables, and names
// are dense for each type.
func TestCutProperties(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 3)) //nolint:gosec // a test that can be repeated
		partBytes := 32 * block << random.IntN(12)
		window := 1 + random.IntN(64)
		scans := randomScans(random)
		id := uuid.New()
		parts, err := cut(id, scans, partSizes{most: partBytes, worth: minPartBytes, window: window})
		require.NoError(t, err)

		number, next, total := map[string]int{}, map[string]int64{}, int64(0)
		for _, part := range parts {
			blocks := scan(t, part).Pages
			number[part.ResourceType]++
			require.Equal(t, fmt.Sprintf("%s/%s.%04d.ndjson.gz", id, part.ResourceType, number[part.ResourceType]), part.ObjectKey)
			require.Equal(t, next[blocks.Name], blocks.From, "seed %d: after the part before", seed)
			next[blocks.Name] = blocks.To
			require.LessOrEqual(t, part.Bytes, partBytes+block, "seed %d", seed)
			total += part.Bytes
		}
		for _, scan := range scans {
			for _, m := range scan.Table.Members {
				require.Zero(t, next[m.Name], "seed %d: the last is open", seed)
				total -= m.Bytes
			}
		}
		require.Zero(t, total, "seed %d", seed)
		requireNoShreds(t, scans, parts, partBytes)
	}
}

// requireNoShreds fails on parts that are smaller than half of what they may be,
// or than half of the floor, unless they are all of a member.
func requireNoShreds(t *testing.T, scans []reading, parts []jobs.PlannedPart, partBytes int64) {
	t.Helper()
	sizes := map[string]int64{}
	for _, scan := range scans {
		for _, m := range scan.Table.Members {
			sizes[m.Name] = m.Bytes
		}
	}
	for _, part := range parts {
		if size := sizes[scan(t, part).Pages.Name]; part.Bytes != size {
			require.GreaterOrEqual(t, part.Bytes, min(partBytes, minPartBytes)/2-block)
		}
	}
}

// randomScans are of some tables, of one or more members each, from none to some
// hundred megabytes.
func randomScans(random *rand.Rand) []reading {
	scans := make([]reading, random.IntN(5))
	for i := range scans {
		table := source.Table{Type: fmt.Sprintf("Type%d", i)}
		for j := range 1 + random.IntN(3) {
			blocks := random.Int64N(1 << (1 + random.IntN(15)))
			m := source.Member{Schema: "public", Name: fmt.Sprintf("table_%d_%d", i, j), Pages: blocks, Bytes: blocks * block}
			table.Members = append(table.Members, m)
			table.Bytes += m.Bytes
		}
		scans[i] = reading{Scan: source.Scan{Table: table}}
	}
	return scans
}

// There is work for all slots early, and what comes last is short.
func TestCutOfManyTypes(t *testing.T) {
	t.Parallel()
	parts, err := cut(uuid.New(), []reading{aTable("A", 8*mib), aTable("B", 3*gib), aTable("C", mib), aTable("D", 500*mib)}, partSizes{most: 256 * mib, worth: minPartBytes, window: 16})
	require.NoError(t, err)
	parts = longestFirst(parts)
	require.GreaterOrEqual(t, len(parts), 4*16)
	for i := range parts[1:] {
		require.GreaterOrEqual(t, parts[i].Bytes, parts[i+1].Bytes)
	}
	require.Equal(t, "C", parts[len(parts)-1].ResourceType)
}
