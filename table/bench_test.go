package table_test

import (
	"io"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/table"
	"github.com/seed-90096f4d/sluice/view"
)

// observation has the columns of a typical view.
var observation = []view.Column{
	{Name: "id", Type: "id"},
	varchar("patient_id"),
	column("status", "code", view.CharacterVarying),
	column("code", "code", view.CharacterVarying),
	column("effective", "dateTime", view.CharacterVarying),
	column("value", "decimal", view.CharacterVarying),
	column("unit", "code", view.CharacterVarying),
	column("updated", "instant", view.TimestampWithZone),
}

// observationRow sets the cells of row i, in the memory of the cells.
func observationRow(row []view.Cell, i int) {
	set := func(c int, kind view.CellKind, format func(dst []byte) []byte) {
		row[c].Kind, row[c].Text = kind, format(row[c].Text[:0])
	}
	pad := func(dst []byte, n, mod, add int) []byte {
		n = n%mod + add
		return append(dst, '0'+byte(n/10), '0'+byte(n%10))
	}
	set(0, view.StringCell, func(dst []byte) []byte {
		return strconv.AppendUint(append(dst, "0f6c-"...), uint64(i)*0x9e3779b97f4a7c15, 36)
	})
	set(1, view.StringCell, func(dst []byte) []byte { return strconv.AppendInt(append(dst, "patient-"...), int64(i/40), 10) })
	set(2, view.StringCell, func(dst []byte) []byte { return append(dst, "final"...) })
	set(3, view.StringCell, func(dst []byte) []byte {
		return append(dst, []string{"8480-6", "8462-4", "29463-7", "8302-2"}[i%4]...)
	})
	set(4, view.StringCell, func(dst []byte) []byte {
		dst = append(pad(append(dst, "20"...), i/9, 20, 5), '-')
		dst = append(pad(dst, i, 12, 1), '-')
		return append(pad(dst, i/5, 28, 1), "T10:30:00+02:00"...)
	})
	set(5, view.NumberCell, func(dst []byte) []byte { return append(pad(append(pad(dst, i/3, 90, 10), '.'), i*7, 100, 0), '0') })
	set(6, view.StringCell, func(dst []byte) []byte { return append(dst, []string{"mm[Hg]", "kg", "cm"}[i%3]...) })
	set(7, view.StringCell, func(dst []byte) []byte {
		return append(pad(append(pad(append(dst, "2026-02-"...), i/1000, 28, 1), "T08:15:"...), i, 60, 0), ".123Z"...)
	})
}

// batchBytes is the size at which the benchmarks write a batch.
const batchBytes = 256 << 10

// BenchmarkWrite writes rows of 8 columns. The throughput in bytes is that of the ndjson
// of the rows.
func BenchmarkWrite(b *testing.B) {
	row := make([]view.Cell, len(observation))
	observationRow(row, 1)
	bytesPerRow := len(write(b, table.Options{Format: table.NDJSON}, observation, row))
	for _, format := range []table.Format{table.CSV, table.NDJSON, table.JSON, table.Parquet} {
		b.Run(string(format), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(bytesPerRow))
			w, err := table.NewWriter(io.Discard, observation, table.Options{Format: format})
			require.NoError(b, err)
			batch := w.NewBatch()
			for i := range b.N {
				observationRow(row, i)
				if err := batch.Append(row); err != nil {
					b.Fatal(err)
				}
				if batch.Size() > batchBytes {
					if err := w.Write(batch); err != nil {
						b.Fatal(err)
					}
				}
			}
			require.NoError(b, w.Write(batch))
			require.NoError(b, w.Close())
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(w.Bytes())/float64(b.N), "bytes/row")
		})
	}
}
