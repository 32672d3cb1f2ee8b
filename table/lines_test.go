package table_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/table"
	"github.com/seed-90096f4d/sluice/view"
)

// Cells for tests.
func null() view.Cell            { return view.Cell{} }
func text(s string) view.Cell    { return view.Cell{Kind: view.StringCell, Text: []byte(s)} }
func number(s string) view.Cell  { return view.Cell{Kind: view.NumberCell, Text: []byte(s)} }
func boolean(s string) view.Cell { return view.Cell{Kind: view.BooleanCell, Text: []byte(s)} }
func object(s string) view.Cell  { return view.Cell{Kind: view.JSONCell, Text: []byte(s)} }
func list(c ...view.Cell) view.Cell {
	return view.Cell{Kind: view.ListCell, Items: append([]view.Cell{}, c...)}
}

// Columns for tests.
func varchar(name string) view.Column { return view.Column{Name: name, Type: "string"} }

func column(name, fhirType string, kind view.SQLKind) view.Column {
	return view.Column{Name: name, Type: fhirType, SQL: view.SQLType{Kind: kind}}
}

func collection(c view.Column) view.Column {
	c.Collection = true
	return c
}

// write returns the file of rows.
func write(t testing.TB, opts table.Options, columns []view.Column, rows ...[]view.Cell) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := table.NewWriter(&out, columns, opts)
	require.NoError(t, err)
	b := w.NewBatch()
	for i, row := range rows {
		require.NoError(t, b.Append(row), "row %d", i)
	}
	assert.Equal(t, len(rows), b.Len())
	require.NoError(t, w.Write(b))
	assert.Zero(t, b.Len())
	assert.Zero(t, b.Size())
	require.NoError(t, w.Close())
	assert.Equal(t, int64(len(rows)), w.Rows())
	assert.Equal(t, int64(out.Len()), w.Bytes(), "Bytes is exact after Close")
	return out.Bytes()
}

var sample = []view.Column{
	varchar("id"),
	column("active", "boolean", view.Boolean),
	column("count", "integer", view.Integer),
	column("value", "decimal", view.CharacterVarying),
	collection(varchar("given")),
	column("period", "Period", view.Complex),
	{Name: "any", Type: "string", Untyped: true},
}

var sampleRows = [][]view.Cell{
	{text("pt-1"), boolean("true"), number("3"), number("1.00"), list(text("A"), text("B, C")), object(`{"start":"2020"}`), number("5.0")},
	{text(""), null(), null(), null(), list(), null(), text("5.0")},
	{text("say \"hi\",\nü\u2028\x01"), boolean("false"), number("-0"), number("1e2"), list(null(), text("")), object(`{}`), boolean("true")},
	{null(), null(), null(), null(), null(), null(), null()},
}

// TestLineFormats compares files with what SQL on FHIR and RFC 4180 say.
func TestLineFormats(t *testing.T) {
	for _, test := range []struct {
		name string
		opts table.Options
		want []string
	}{
		{"csv", table.Options{Format: table.CSV}, []string{
			`id,active,count,value,given,period,any`,
			`pt-1,true,3,1.00,"[""A"",""B, C""]","{""start"":""2020""}",5.0`,
			`"",,,,[],,5.0`,
			"\"say \"\"hi\"\",\nü\u2028\x01\",false,0,1e2,\"[null,\"\"\"\"]\",{},true",
			`,,,,,,`,
			``,
		}},
		{"csv without header", table.Options{Format: table.CSV, NoHeader: true}, []string{
			`pt-1,true,3,1.00,"[""A"",""B, C""]","{""start"":""2020""}",5.0`,
			`"",,,,[],,5.0`,
			"\"say \"\"hi\"\",\nü\u2028\x01\",false,0,1e2,\"[null,\"\"\"\"]\",{},true",
			`,,,,,,`,
			``,
		}},
		{"ndjson", table.Options{Format: table.NDJSON}, []string{
			`{"id":"pt-1","active":true,"count":3,"value":1.00,"given":["A","B, C"],"period":{"start":"2020"},"any":5.0}`,
			`{"id":"","active":null,"count":null,"value":null,"given":[],"period":null,"any":"5.0"}`,
			"{\"id\":\"say \\\"hi\\\",\\nü\u2028\\u0001\",\"active\":false,\"count\":0,\"value\":1e2,\"given\":[null,\"\"],\"period\":{},\"any\":true}",
			`{"id":null,"active":null,"count":null,"value":null,"given":null,"period":null,"any":null}`,
			``,
		}},
		{"json", table.Options{Format: table.JSON}, []string{
			`[`,
			`{"id":"pt-1","active":true,"count":3,"value":1.00,"given":["A","B, C"],"period":{"start":"2020"},"any":5.0},`,
			`{"id":"","active":null,"count":null,"value":null,"given":[],"period":null,"any":"5.0"},`,
			"{\"id\":\"say \\\"hi\\\",\\nü\u2028\\u0001\",\"active\":false,\"count\":0,\"value\":1e2,\"given\":[null,\"\"],\"period\":{},\"any\":true},",
			`{"id":null,"active":null,"count":null,"value":null,"given":null,"period":null,"any":null}`,
			`]`,
			``,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			assert.Equal(t, strings.Join(test.want, "\n"), string(write(t, test.opts, sample, sampleRows...)))
		})
	}
}

// TestEmptyFile has the files of a view without rows.
func TestEmptyFile(t *testing.T) {
	for format, want := range map[table.Format]string{
		table.CSV: "id,active,count,value,given,period,any\n", table.NDJSON: "", table.JSON: "[]\n",
	} {
		assert.Equal(t, want, string(write(t, table.Options{Format: format}, sample)), format)
	}
}

// TestNothingBeforeFirstBatch: a server can still answer with a status while nothing was
// written.
func TestNothingBeforeFirstBatch(t *testing.T) {
	for _, format := range []table.Format{table.CSV, table.NDJSON, table.JSON, table.Parquet} {
		var out bytes.Buffer
		w, err := table.NewWriter(&out, sample, table.Options{Format: format})
		require.NoError(t, err)
		b := w.NewBatch()
		require.NoError(t, w.Write(b), "an empty batch")
		require.NoError(t, b.Append(sampleRows[0]))
		assert.Zero(t, out.Len(), format)
		assert.Zero(t, w.Bytes(), format)
	}
}

// TestOtherReaders reads the line formats with the standard library.
func TestOtherReaders(t *testing.T) {
	records, err := csv.NewReader(bytes.NewReader(write(t, table.Options{Format: table.CSV}, sample, sampleRows...))).ReadAll()
	require.NoError(t, err)
	require.Len(t, records, 5)
	assert.Equal(t, "say \"hi\",\nü\u2028\x01", records[3][0])
	assert.Equal(t, `["A","B, C"]`, records[1][4])

	var rows []map[string]any
	require.NoError(t, json.Unmarshal(write(t, table.Options{Format: table.JSON}, sample, sampleRows...), &rows))
	require.Len(t, rows, 4)
	assert.Equal(t, "say \"hi\",\nü\u2028\x01", rows[2]["id"])
	assert.Len(t, rows[3], len(sample), "null cells keep their keys")
}

// TestConcurrentBatches fills batches in several goroutines. Rows of a batch stay
// together, and commas and lines are right.
func TestConcurrentBatches(t *testing.T) {
	const goroutines, batches, perBatch = 4, 20, 7
	columns := []view.Column{column("g", "integer", view.Integer), column("n", "integer", view.Integer), varchar("s")}
	for _, format := range []table.Format{table.CSV, table.NDJSON, table.JSON, table.Parquet} {
		t.Run(string(format), func(t *testing.T) {
			var out bytes.Buffer
			w, err := table.NewWriter(&out, columns, table.Options{Format: format})
			require.NoError(t, err)
			var group sync.WaitGroup
			for g := range goroutines {
				group.Go(func() {
					b := w.NewBatch()
					for n := range batches * perBatch {
						err := b.Append([]view.Cell{number(fmt.Sprint(g)), number(fmt.Sprint(n)), text("a,\"b\"\n")})
						if err == nil && b.Len() == perBatch {
							err = w.Write(b)
						}
						if !assert.NoError(t, err) {
							return
						}
					}
				})
			}
			group.Wait()
			require.NoError(t, w.Close())
			assert.Equal(t, int64(goroutines*batches*perBatch), w.Rows())

			next := [goroutines]int{}
			for i, row := range readRows(t, format, out.Bytes()) {
				assert.Equal(t, "a,\"b\"\n", row.S)
				assert.Equal(t, next[row.G], row.N, "row %d", i)
				next[row.G]++
			}
			for _, n := range next {
				assert.Equal(t, batches*perBatch, n)
			}
		})
	}
}

type readRow struct {
	G int    `parquet:"g"`
	N int    `parquet:"n"`
	S string `parquet:"s"`
}

func readRows(t *testing.T, format table.Format, file []byte) (rows []readRow) {
	t.Helper()
	switch format {
	case table.Parquet:
		var err error
		rows, err = parquet.Read[readRow](bytes.NewReader(file), int64(len(file)))
		require.NoError(t, err)
	case table.JSON:
		require.NoError(t, json.Unmarshal(file, &rows))
	case table.NDJSON:
		for line := range bytes.Lines(file) {
			var row readRow
			require.NoError(t, json.Unmarshal(line, &row))
			rows = append(rows, row)
		}
	default:
		records, err := csv.NewReader(bytes.NewReader(file)).ReadAll()
		require.NoError(t, err)
		for _, r := range records[1:] {
			var row readRow
			_, err := fmt.Sscan(r[0]+" "+r[1], &row.G, &row.N)
			require.NoError(t, err)
			row.S = r[2]
			rows = append(rows, row)
		}
	}
	return rows
}

// TestBatchAfterError: a row that does not fit leaves no trace.
func TestBatchAfterError(t *testing.T) {
	columns := []view.Column{varchar("id"), collection(varchar("tags")), column("n", "integer", view.Integer)}
	for _, format := range []table.Format{table.CSV, table.NDJSON, table.JSON, table.Parquet} {
		var out bytes.Buffer
		w, err := table.NewWriter(&out, columns, table.Options{Format: format, NoHeader: true})
		require.NoError(t, err)
		b := w.NewBatch()
		good := []view.Cell{text("a"), list(text("x"), text("y")), number("1")}
		require.NoError(t, b.Append(good))
		size := b.Size()

		err = b.Append([]view.Cell{text("b"), list(text("z"), text("z")), text("2")})
		var wrong *view.DataError
		require.ErrorAs(t, err, &wrong)
		assert.Equal(t, "n", wrong.Column)
		assert.Equal(t, "column n: got a string, expected a number", err.Error())
		require.ErrorAs(t, b.Append([]view.Cell{text("b"), list(text("z"), number("2")), null()}), &wrong)
		assert.Equal(t, "tags", wrong.Column)
		assert.Equal(t, size, b.Size())
		assert.Equal(t, 1, b.Len())

		require.NoError(t, w.Write(b))
		require.NoError(t, w.Close())
		assert.Equal(t, string(write(t, table.Options{Format: format, NoHeader: true}, columns, good)), out.String(), format)
	}
}

type brokenWriter struct{ after int }

var errBroken = errors.New("broken")

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.after -= len(p); w.after < 0 {
		return 0, errBroken
	}
	return len(p), nil
}

// TestLongRow: columns may repeat a text up to 64 MiB a row. Nothing of a longer row is
// copied.
func TestLongRow(t *testing.T) {
	attachment := text(strings.Repeat("x", 30<<20))
	columns := []view.Column{varchar("a"), varchar("b"), varchar("c"), collection(varchar("d"))}
	for _, format := range []table.Format{table.CSV, table.NDJSON, table.JSON, table.Parquet} {
		w, err := table.NewWriter(io.Discard, columns, table.Options{Format: format})
		require.NoError(t, err)
		b := w.NewBatch()
		for _, row := range [][]view.Cell{
			{attachment, null(), attachment, list(attachment)},
			{null(), text("x"), null(), list(attachment, null(), attachment, attachment)},
		} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := b.Append(row)
			runtime.ReadMemStats(&after)
			var unfit *view.DataError
			require.ErrorAs(t, err, &unfit, format)
			require.Equal(t, "column d: the text of the row up to this column exceeds 64 MiB", unfit.Error())
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
			require.Zero(t, b.Len())
			require.Zero(t, b.Size())
		}
		require.NoError(t, b.Append([]view.Cell{attachment, text("x"), null(), list(attachment)}))
		require.NoError(t, w.Write(b))
		require.NoError(t, w.Close())
	}
}

// TestWriteError: after a failed write, nothing claims to be complete.
func TestWriteError(t *testing.T) {
	for _, format := range []table.Format{table.CSV, table.NDJSON, table.JSON, table.Parquet} {
		w, err := table.NewWriter(&brokenWriter{after: 300}, sample, table.Options{Format: format})
		require.NoError(t, err)
		b := w.NewBatch()
		for err == nil && w.Rows() < 100 {
			require.NoError(t, b.Append(sampleRows[0]))
			err = w.Write(b)
		}
		if format != table.Parquet { // which is still in memory
			require.ErrorIs(t, err, errBroken, format)
		}
		assert.ErrorIs(t, w.Close(), errBroken, format)
	}
}

// TestWriterErrors has what no file can have.
func TestWriterErrors(t *testing.T) {
	_, err := table.NewWriter(nil, sample, table.Options{Format: "xml"})
	require.EqualError(t, err, `unknown format "xml"; supported: csv, ndjson, json, parquet`)
	_, err = table.NewWriter(nil, nil, table.Options{Format: table.CSV})
	require.EqualError(t, err, "a table needs at least one column")
	_, err = table.NewWriter(nil, []view.Column{{Name: "d", SQL: view.SQLType{Kind: view.Decimal, Precision: 39}}}, table.Options{Format: table.CSV})
	require.EqualError(t, err, "column d: precision must be between 1 and 38 and scale between 0 and the precision, got DECIMAL(39,0)")

	w, err := table.NewWriter(nil, sample, table.Options{Format: table.CSV})
	require.NoError(t, err)
	require.EqualError(t, w.NewBatch().Append(sampleRows[0][:2]), "the row has 2 cells for 7 columns")
}

// TestFormats has the names of section 9.3 of SQL on FHIR.
func TestFormats(t *testing.T) {
	for format, want := range map[table.Format][2]string{
		table.CSV:     {"text/csv", ".csv"},
		table.NDJSON:  {"application/x-ndjson", ".ndjson"},
		table.JSON:    {"application/json", ".json"},
		table.Parquet: {"application/vnd.apache.parquet", ".parquet"},
	} {
		assert.Equal(t, want, [2]string{format.ContentType(), format.Extension()})
	}
}

// TestSteadyState: batches of lines allocate nothing once they are large enough.
func TestSteadyState(t *testing.T) {
	for _, format := range []table.Format{table.CSV, table.NDJSON, table.JSON, table.Parquet} {
		w, err := table.NewWriter(&brokenWriter{after: 1 << 40}, everyType, table.Options{Format: format})
		require.NoError(t, err)
		b := w.NewBatch()
		allocs := testing.AllocsPerRun(50, func() {
			for range 20 {
				_ = b.Append(everyTypeRow)
			}
			_ = w.Write(b)
		})
		assert.Zero(t, allocs, format)
	}
}
