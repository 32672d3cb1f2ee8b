package table_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/table"
	"github.com/seed-90096f4d/sluice/view"
)

func open(t *testing.T, file []byte) *parquet.File {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
	require.NoError(t, err)
	return f
}

// writeBatches returns the file of rows, which are written in batches of some size.
func writeBatches(t testing.TB, opts table.Options, columns []view.Column, rows [][]view.Cell) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := table.NewWriter(&out, columns, opts)
	require.NoError(t, err)
	b := w.NewBatch()
	for _, row := range rows {
		require.NoError(t, b.Append(row))
		if b.Size() > 256<<10 {
			require.NoError(t, w.Write(b))
		}
	}
	require.NoError(t, w.Write(b))
	require.NoError(t, w.Close())
	require.Equal(t, int64(len(rows)), w.Rows())
	require.Equal(t, int64(out.Len()), w.Bytes())
	return out.Bytes()
}

// TestMetadata: a file says what it is.
func TestMetadata(t *testing.T) {
	f := open(t, write(t, table.Options{Format: table.Parquet, Metadata: table.Metadata{
		View: "https://example.org/bp|1", ResourceType: "Observation", Version: "1.2.3", Export: "9f2c",
		Snapshot: time.Date(2026, 2, 1, 4, 0, 0, 5, time.FixedZone("", 3600)),
	}}, sample, sampleRows...))
	for key, want := range map[string]string{
		"sluice.view": "https://example.org/bp|1", "sluice.resource_type": "Observation", "sluice.version": "1.2.3",
		"sluice.export": "9f2c", "sluice.snapshot": "2026-02-01T03:00:00.000000005Z",
	} {
		got, _ := f.Lookup(key)
		assert.Equal(t, want, got, key)
	}
	assert.Equal(t, "sluice version 1.2.3(build )", f.Metadata().CreatedBy)

	f = open(t, write(t, table.Options{Format: table.Parquet}, sample))
	_, ok := f.Lookup("sluice.export")
	assert.False(t, ok, "an empty value is left out")
}

// TestPages: what readers need: V1 pages, zstd, optional columns, no page index.
func TestPages(t *testing.T) {
	file := write(t, table.Options{Format: table.Parquet}, everyType, everyTypeRow, zeroRow)
	f := open(t, file)
	for _, c := range f.Root().Columns() {
		assert.True(t, c.Optional(), c.Name())
	}
	for _, chunk := range f.Metadata().RowGroups[0].Columns {
		assert.Equal(t, "ZSTD", chunk.MetaData.Codec.String())
		assert.Zero(t, chunk.ColumnIndexOffset, "%s: no page index", chunk.MetaData.PathInSchema)
		assert.Zero(t, chunk.OffsetIndexOffset)
		for _, stats := range chunk.MetaData.EncodingStats {
			assert.NotEqual(t, "DATA_PAGE_V2", stats.PageType.String())
		}
	}
}

// TestBounds: the footer has the minimum and maximum of short values, and never text.
func TestBounds(t *testing.T) {
	const mib = 1 << 20
	long := text(strings.Repeat("long text ", 20*mib/10))
	columns := []view.Column{varchar("text"), column("n", "integer", view.Integer), decimal("wide", 38, 0)}
	file := write(t, table.Options{Format: table.Parquet}, columns,
		[]view.Cell{long, number("5"), number("-5")}, []view.Cell{text("a"), number("-7"), number("1")})
	assert.Less(t, len(file), mib)

	f := open(t, file)
	chunks := f.Metadata().RowGroups[0].Columns
	for i, wantMin := range []any{nil, []byte{0xf9, 0xff, 0xff, 0xff}, nil} {
		stats := chunks[i].MetaData.Statistics
		if wantMin == nil {
			assert.Empty(t, stats.MinValue, columns[i].Name)
			assert.Empty(t, stats.MaxValue, columns[i].Name)
		} else {
			assert.Equal(t, wantMin, stats.MinValue, columns[i].Name)
			assert.Equal(t, []byte{5, 0, 0, 0}, stats.MaxValue, columns[i].Name)
		}
	}
	footer := len(file) - bytes.LastIndex(file, []byte("rows")) + 100
	assert.Less(t, footer, 1000)
}
