package source_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source"
)

// BenchmarkScan reads a table of 5,000 rows of 1 kB from a real server. Allocations
// are for all rows together.
func BenchmarkScan(b *testing.B) {
	f := newFixture(b, aidbox("patient")+manyRows)
	scan := source.Scan{Table: f.table(b, "Patient")}
	var rows, text int64
	read := func() {
		rows, text = 0, 0
		require.NoError(b, eachRow(f.source.Scan(b.Context(), scan))(func(row *source.Row) error {
			rows++
			text += int64(len(row.Resource))
			return nil
		}))
	}
	read()
	b.SetBytes(text)
	b.ReportAllocs()
	for b.Loop() {
		read()
	}
	b.ReportMetric(float64(rows), "rows/op")
}
