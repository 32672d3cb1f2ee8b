package table_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/table"
	"github.com/seed-90096f4d/sluice/table/tabletest"
	"github.com/seed-90096f4d/sluice/view"
)

// repeated returns n rows of these.
func repeated(n int, rows ...[]view.Cell) (all [][]view.Cell) {
	for i := range n {
		all = append(all, rows[i%len(rows)])
	}
	return all
}

// zeroRow is a row of everyType with other cells: empty, smallest or zero.
var zeroRow = []view.Cell{
	boolean("false"), number("0"), number("-2147483648"), text("-9223372036854775808"),
	number("0"), number("-0.000001"), number("1e-10"),
	number("-0"), number("5e-324"), number("0"),
	text(""), text(""), text(""),
	text("0001-01-01"), text("00:00:00"), text("9999-12-31T23:59:59.999999"), text("0001-01-01T00:00:00Z"),
	object(`{}`), text(""),
}

// collections returns the columns as collections, with names of their own.
func collections(columns []view.Column) (lists []view.Column) {
	for _, c := range columns {
		c.Name += "_list"
		lists = append(lists, collection(c))
	}
	return lists
}

// lists returns rows of collections of the cells of a column: null, empty, with nulls.
func lists(rows ...[]view.Cell) [][]view.Cell {
	lists := make([][]view.Cell, 5)
	for i := range rows[0] {
		a, b := rows[0][i], rows[1][i]
		for j, l := range []view.Cell{null(), list(), list(null()), list(a, null(), b), list(b)} {
			lists[j] = append(lists[j], l)
		}
	}
	return lists
}

// wide returns n columns and rows of them, most cells null.
func wide(n, rows int) (columns []view.Column, cells [][]view.Cell) {
	for i := range n {
		c := everyType[i%len(everyType)]
		c.Name = fmt.Sprintf("_%d_%s", i, c.Name)
		columns = append(columns, c)
	}
	for r := range rows {
		row := make([]view.Cell, n)
		for i := range row {
			if (r+i)%7 == 0 {
				row[i] = everyTypeRow[i%len(everyType)]
			}
		}
		cells = append(cells, row)
	}
	return columns, cells
}

// longRows returns rows whose text compresses badly, so that they fill row groups.
func longRows(n int) (rows [][]view.Cell) {
	state := uint64(1)
	for i := range n {
		var b strings.Builder
		for range 1000 {
			state = state*6364136223846793005 + 1442695040888963407
			b.WriteByte('!' + byte(state>>58))
		}
		rows = append(rows, []view.Cell{number(fmt.Sprint(i)), text(b.String())})
	}
	return rows
}

// TestReaders writes files of every type and reads them with DuckDB, hyparquet and
// parquet-go. Each must see what the ndjson of the same rows has.
func TestReaders(t *testing.T) {
	wideColumns, wideRows := wide(300, 500)
	every := [][]view.Cell{everyTypeRow, zeroRow, make([]view.Cell, len(everyType))}
	for _, test := range []struct {
		name    string
		columns []view.Column
		rows    [][]view.Cell
		groups  int
	}{
		{"every type", everyType, every, 1},
		{"lists of every type", collections(everyType), lists(everyTypeRow, zeroRow), 1},
		{"no rows", everyType, nil, 0},
		{"mixed", sample, sampleRows, 1},
		{"300 columns", wideColumns, wideRows, 1},
		{"row groups by rows", everyType[:1], repeated(600_000, everyTypeRow[:1], zeroRow[:1], make([]view.Cell, 1)), 3},
		{"row groups by bytes", []view.Column{column("n", "integer", view.Integer), varchar("text")}, longRows(40_000), 3},
		{"lists over pages", collections(everyType[:11]), repeated(20_000, lists(everyTypeRow[:11], zeroRow[:11])...), 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := writeBatches(t, table.Options{Format: table.Parquet}, test.columns, test.rows)
			name := filepath.Join(t.TempDir(), "file.parquet")
			require.NoError(t, os.WriteFile(name, file, 0o600))
			assert.Len(t, open(t, file).RowGroups(), test.groups)

			want := tabletest.ReadNDJSON(t, test.columns, writeBatches(t, table.Options{Format: table.NDJSON}, test.columns, test.rows))
			require.Len(t, want.Rows, len(test.rows))
			for _, reader := range tabletest.Readers {
				t.Run(string(reader), func(t *testing.T) {
					got := tabletest.ReadParquet(t, reader, name)
					assert.Equal(t, want.Columns, got.Columns)
					require.Len(t, got.Rows, len(want.Rows))
					for i := range want.Rows {
						for j := range want.Columns {
							require.Equal(t, want.Rows[i][j], got.Rows[i][j], "row %d, column %s", i, want.Columns[j])
						}
					}
				})
			}
		})
	}
}
