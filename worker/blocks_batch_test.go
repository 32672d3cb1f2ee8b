package worker

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/worker/patientindex"
)

// Rows are asked for by the thousand, and what a block takes is told where all of
// it is there.
func TestBlockBatch(t *testing.T) {
	t.Parallel()
	var index bytes.Buffer
	writer := patientindex.NewWriter(&index, math.MaxInt64)
	add := func(key string, rows int, size int64) {
		for i := range rows {
			require.NoError(t, writer.Add([]byte(key), source.RowAddress{TID: source.TID{Page: uint32(i)}}, size))
		}
	}
	add("a", 2, 10)
	add("b", pickRows-2, 1)
	add("c", pickRows+1, 1)
	add("d", 3, pickBytes/2)
	add("e", 1, 7)
	_, err := writer.Finish()
	require.NoError(t, err)

	batch := blockBatch{index: patientindex.NewReader(&index, 1)}
	for _, want := range []string{
		"10000 rows [a at 0 has 20, b at 2 has 9998]",
		"10000 rows [c at 0 has 0]",
		"3 rows [d at 1 has 0]",
		"2 rows [e at 1 has 7]",
	} {
		more, err := batch.fill()
		require.NoError(t, err)
		got := ""
		for _, begin := range batch.begins {
			got += fmt.Sprintf(", %s at %d has %d", begin.id, begin.at, begin.bytes)
		}
		require.Equal(t, want, fmt.Sprintf("%d rows [%s]", len(batch.places), got[2:]))
		require.Equal(t, batch.begins[0].id[0] != 'e', more)
	}
}
