package table

import (
	"io"

	"github.com/seed-90096f4d/sluice/source/jsonb"
	"github.com/seed-90096f4d/sluice/view"
)

// newNDJSON returns a file of ndjson: one object a line.
func newNDJSON(out io.Writer, columns []column) *lines {
	names := memberNames(columns)
	return &lines{out: out, encode: func(dst []byte, row []view.Cell) ([]byte, error) {
		return appendObject(dst, "", "\n", names, columns, row)
	}}
}

// newJSON returns a file of one JSON array, with one object a line.
func newJSON(out io.Writer, columns []column) *lines {
	names := memberNames(columns)
	return &lines{
		out: out,
		encode: func(dst []byte, row []view.Cell) ([]byte, error) {
			return appendObject(dst, ",\n", "", names, columns, row)
		},
		prefix: []byte("["), skip: len(","), suffix: []byte("\n]\n"), empty: []byte("[]\n"),
	}
}

// memberNames returns what precedes the values of the columns in an object.
func memberNames(columns []column) [][]byte {
	names := make([][]byte, len(columns))
	for i, c := range columns {
		names[i] = append(appendString(append(names[i], "{,"[min(i, 1)]), []byte(c.Name)), ':')
	}
	return names
}

// appendObject appends a row between before and after. On an error it returns dst as it
// was. A null cell keeps its key.
func appendObject(dst []byte, before, after string, names [][]byte, columns []column, row []view.Cell) ([]byte, error) {
	start := len(dst)
	dst = append(dst, before...)
	for i := range columns {
		dst = append(dst, names[i]...)
		var err error
		if columns[i].Collection {
			dst, err = appendJSONList(dst, &columns[i], &row[i])
		} else {
			dst, err = appendJSONCell(dst, &columns[i], &row[i])
		}
		if err != nil {
			return dst[:start], err
		}
	}
	return append(append(dst, '}'), after...), nil
}

// appendJSONList appends the cell of a collection.
func appendJSONList(dst []byte, c *column, cell *view.Cell) ([]byte, error) {
	items, ok, err := c.list(cell)
	if !ok || err != nil {
		return append(dst, "null"...), err
	}
	dst = append(dst, '[')
	for i := range items {
		if dst, err = appendJSONCell(append(dst, separator(i)...), c, &items[i]); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

// appendJSONCell appends a cell that is not a list: numbers as stored, but integers as
// digits.
func appendJSONCell(dst []byte, c *column, cell *view.Cell) ([]byte, error) {
	if cell.Kind == view.Null {
		return append(dst, "null"...), nil
	}
	v, err := c.convert(cell)
	if err != nil {
		return dst, err
	}
	if cell.Kind == view.StringCell && !c.numeric {
		return appendString(dst, v.text), nil
	}
	return append(dst, v.text...), nil
}

func appendString(dst, text []byte) []byte {
	return append(jsonb.AppendContent(append(dst, '"'), text), '"')
}
