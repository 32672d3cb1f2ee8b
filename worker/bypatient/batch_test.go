package bypatient

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source"
)

// Rows are read in batches, and the size of a block is known where the batch has all
// of it.
func TestBatch(t *testing.T) {
	t.Parallel()
	var index bytes.Buffer
	writer := newIndexWriter(&index, math.MaxInt64)
	add := func(key string, rows int, size int64) {
		for i := range rows {
			require.NoError(t, writer.add([]byte(key), source.RowAddress{TID: source.TID{Page: uint32(i)}}, size))
		}
	}
	add("a", 2, 10)
	add("b", batchRows-2, 1)
	add("c", batchRows+1, 1)
	add("d", 3, batchBytes/2)
	add("e", 1, 7)
	_, err := writer.finish()
	require.NoError(t, err)

	batch := batch{index: newIndexReader(&index, 1)}
	for _, want := range []string{
		"10000 rows [a at 0 has 20, b at 2 has 9998]",
		"10000 rows [c at 0 has 0]",
		"3 rows [d at 1 has 0]",
		"2 rows [e at 1 has 7]",
	} {
		more, err := batch.fill()
		require.NoError(t, err)
		got := ""
		for _, start := range batch.starts {
			got += fmt.Sprintf(", %s at %d has %d", start.id, start.at, start.bytes)
		}
		require.Equal(t, want, fmt.Sprintf("%d rows [%s]", len(batch.places), got[2:]))
		require.Equal(t, batch.starts[0].id[0] != 'e', more)
	}
}
