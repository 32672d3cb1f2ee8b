package table

import (
	"fmt"

	"github.com/parquet-go/parquet-go"
)

// leafWriter writes the values of a column.
type leafWriter struct {
	column *parquet.ColumnWriter

	// open is the memory of the open page, and of the values that it has added to the
	// dictionary. parquet-go compares only what the page has, and the size of the
	// dictionary only when a page is complete: a page of numbers of the dictionary would
	// be complete long after the dictionary is too large.
	open      int
	pageBytes int
}

// write writes the values of so many rows, in pieces of a few rows.
func (w *leafWriter) write(values []parquet.Value, rows int) error {
	written := 0
	for len(values) > 0 {
		n, bytes := firstRows(values)
		r, err := w.column.WriteRowValues(values[:n])
		if err != nil {
			return err
		}
		written += r
		values = values[n:]
		if w.open += bytes; w.open >= w.pageBytes {
			if err := w.column.Flush(); err != nil {
				return err
			}
			w.open = 0
		}
	}
	if written != rows {
		return fmt.Errorf("%d of %d rows were written", written, rows)
	}
	return nil
}

// What a page has for each value, with or without text, in bytes.
const (
	levelBytes = 5
	indexBytes = 8
)

// firstRows returns the number of values of the first rows, and their memory in a page.
func firstRows(values []parquet.Value) (n, bytes int) {
	rows := 0
	for i := range values {
		if values[i].RepetitionLevel() == 0 {
			if rows == rowsAtOnce {
				return i, bytes
			}
			rows++
		}
		bytes += levelBytes
		switch values[i].Kind() {
		case parquet.ByteArray, parquet.FixedLenByteArray:
			bytes += indexBytes + len(values[i].ByteArray())
		default:
			bytes += indexBytes
		}
	}
	return len(values), bytes
}
