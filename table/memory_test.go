package table_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/table"
	"github.com/seed-90096f4d/sluice/view"
)

// live returns the memory that is in use, in bytes.
func live() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what sync.Pool kept
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestMemory measures an open Parquet file whose text cannot be compressed, so that its row
// groups and pages are as large as they get. The limits are those of the documentation,
// and a tenth more.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 40 MB for each number of columns")
	}
	const mib = 1 << 20
	for columns, limit := range map[int]int64{8: 55, 50: 55, 300: 55, 1000: 55, 2000: 100} {
		t.Run(fmt.Sprint(columns), func(t *testing.T) {
			var of []view.Column
			for i := range columns {
				c := observation[i%len(observation)]
				c.Name = fmt.Sprint("c", i)
				of = append(of, c)
			}
			before := live()
			w, err := table.NewWriter(io.Discard, of, table.Options{Format: table.Parquet})
			require.NoError(t, err)
			b := w.NewBatch()
			random, typical := rand.New(rand.NewPCG(1, 2)), make([]view.Cell, len(observation))
			peak, row := int64(0), make([]view.Cell, columns)
			for i, batches := 0, 0; w.Bytes() < 40*mib; i++ {
				observationRow(typical, i)
				for c := range typical {
					if typical[c].Kind == view.StringCell && observation[c].SQL.Kind == view.CharacterVarying {
						typical[c].Text = fmt.Appendf(nil, "%x%x", random.Uint64(), random.Uint64())
					}
				}
				for c := range row {
					row[c] = typical[c%len(typical)]
				}
				require.NoError(t, b.Append(row))
				if b.Size() > batchBytes {
					require.NoError(t, w.Write(b))
					if batches++; batches%10 == 0 {
						peak = max(peak, live()-before)
					}
				}
			}
			require.NoError(t, w.Close())
			t.Logf("%d columns: %d MiB", columns, peak/mib)
			assert.Less(t, peak, limit*mib)
		})
	}
}

// TestLongCell: a cell of 20 MB does not stay in memory after its row group.
func TestLongCell(t *testing.T) {
	const mib = 1 << 20
	long := []view.Cell{text("1"), text(strings.Repeat("long text ", 2*mib))}
	for _, format := range []table.Format{table.CSV, table.Parquet} {
		before := live()
		w, err := table.NewWriter(io.Discard, []view.Column{varchar("id"), varchar("text")}, table.Options{Format: format})
		require.NoError(t, err)
		b := w.NewBatch()
		for range 3 {
			require.NoError(t, b.Append(long))
			require.NoError(t, w.Write(b))
		}
		require.NoError(t, w.Close())
		held := live() - before
		t.Logf("%s: %d MiB after Close", format, held/mib)
		assert.Less(t, held, int64(8*mib))
		runtime.KeepAlive(b)
	}
}
