package pass_test

import (
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/table"
	"github.com/seed-90096f4d/sluice/table/pass"
)

// A product of a million rows is written while it is made. Not parallel: it counts the
// allocations of all goroutines.
func TestProductNeedsLittleMemory(t *testing.T) {
	var before, after runtime.MemStats
	from := rowsOf(row("1", crowd(1000)))
	v := product(t)
	runtime.ReadMemStats(&before)
	result, err := run(t, pass.Options{}, from, to(io.Discard, v, table.CSV))
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	require.EqualValues(t, 1_000_000, result.Files[0][0].Rows)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20))
}

// The memory of a huge resource is released before the next one is read. Not parallel: it
// looks at the heap.
func TestHugeResourcesAreLetGo(t *testing.T) {
	const size = 32 << 20
	v := parse(t, "names", `"select": [{"column": [{"name": "id", "path": "id"}]}, {"forEachOrNull": "name", "column": [{"name": "family", "path": "family"}]}]`)
	given := 0
	var heap uint64
	from := &rows{}
	from.next = func() *source.Row {
		switch given++; given {
		case 1:
			return row("1", `{"name": [{"family": "`+strings.Repeat("x", size)+`"}]}`)
		case 2:
			from.row = nil
			runtime.GC()
			var memory runtime.MemStats
			runtime.ReadMemStats(&memory)
			heap = memory.HeapAlloc
			return row("2", `{}`)
		}
		return nil
	}
	result, err := run(t, pass.Options{}, from, to(io.Discard, v, table.NDJSON))
	require.NoError(t, err)
	require.EqualValues(t, 2, result.Files[0][0].Rows)
	require.Less(t, heap, uint64(size/2))
}

// Only one huge resource is evaluated at a time, however many readers there are.
func TestHugeResourcesTakeTurns(t *testing.T) {
	t.Parallel()
	v := parse(t, "names", `"select": [{"forEach": "name", "column": [{"name": "family", "path": "family"}]}]`)
	resource := `{"name": [{"family": "` + strings.Repeat("x", 1<<20) + `"}]}`
	var inside, most atomic.Int64
	var readers []*rows
	for range 4 {
		count := 0
		readers = append(readers, &rows{next: func() *source.Row {
			if count++; count > 5 {
				return nil
			}
			return row("1", resource)
		}})
	}
	out := writerFunc(func(p []byte) (int, error) {
		most.Store(max(most.Load(), inside.Add(1)))
		defer inside.Add(-1)
		time.Sleep(time.Millisecond) // so that others would be seen
		return len(p), nil
	})
	result, err := pass.Run(t.Context(), "Patient", readers, []pass.Output{to(out, v, table.CSV), to(out, v, table.CSV)}, pass.Options{})
	require.NoError(t, err)
	require.EqualValues(t, 20, result.Files[0][0].Rows)
	require.EqualValues(t, 1, most.Load())
}
