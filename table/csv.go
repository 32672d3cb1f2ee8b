package table

import (
	"io"

	"github.com/seed-90096f4d/sluice/view"
)

// newCSV returns a file of CSV: UTF-8 without byte order mark, quoted as in RFC 4180 where
// necessary, lines that end with \n. Null is an empty field, an empty string is "". Lists
// and complex values are JSON.
func newCSV(out io.Writer, columns []column, header bool) *lines {
	f := &lines{out: out, encode: func(dst []byte, row []view.Cell) ([]byte, error) {
		return appendCSVRow(dst, columns, row)
	}}
	if header {
		for i := range columns {
			f.prefix = appendField(append(f.prefix, separator(i)...), []byte(columns[i].Name))
		}
		f.prefix = append(f.prefix, '\n')
		f.empty = f.prefix
	}
	return f
}

func separator(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}

// appendCSVRow appends a row. On an error it returns dst as it was.
func appendCSVRow(dst []byte, columns []column, row []view.Cell) ([]byte, error) {
	start := len(dst)
	for i := range columns {
		var err error
		if dst, err = appendCSVCell(append(dst, separator(i)...), &columns[i], &row[i]); err != nil {
			return dst[:start], err
		}
	}
	return append(dst, '\n'), nil
}

func appendCSVCell(dst []byte, c *column, cell *view.Cell) ([]byte, error) {
	switch {
	case cell.Kind == view.Null:
		return dst, nil
	case c.Collection:
		start := len(dst)
		dst, err := appendJSONList(dst, c, cell)
		return quoteAfter(dst, start), err
	}
	v, err := c.convert(cell)
	if err != nil {
		return dst, err
	}
	return appendField(dst, v.text), nil
}

// appendField appends a field that is not null.
func appendField(dst, text []byte) []byte {
	if len(text) == 0 {
		return append(dst, `""`...)
	}
	start := len(dst)
	return quoteAfter(append(dst, text...), start)
}

// quoteAfter quotes what was appended since start, if it is necessary.
func quoteAfter(dst []byte, start int) []byte {
	var quotes int
	var special bool
	for _, b := range dst[start:] {
		if b == '"' {
			quotes++
		}
		special = special || needsQuotes[b]
	}
	if !special {
		return dst
	}
	from := len(dst) - 1
	dst = append(dst, make([]byte, quotes+2)...)
	to := len(dst) - 1
	dst[to] = '"'
	for to--; from >= start; from-- {
		dst[to] = dst[from]
		to--
		if dst[from] == '"' {
			dst[to] = '"'
			to--
		}
	}
	dst[start] = '"'
	return dst
}

var needsQuotes = [256]bool{',': true, '"': true, '\n': true, '\r': true}
