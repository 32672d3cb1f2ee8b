// Package table writes the rows of views as CSV, ndjson, a JSON array, or Parquet.
//
// A cell that does not fit the type of its column is an error in every format, so that
// the files of a view have the same rows whatever their format.
//
// An open file of CSV, ndjson or JSON has no memory of its own. One of Parquet takes 10 to
// 30 MiB with typical columns, up to 50 MiB where text cannot be compressed and fills its
// row groups, and up to 90 MiB with 2000 columns. While a long row is written, three times
// its text comes on top, six times in Parquet. A batch has the memory of its rows.
//
// It must not know how rows are made or how the output is used.
package table

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-90096f4d/sluice/view"
)

// Format is a format of rows, by its name in _format (SQL on FHIR).
type Format string

// The formats.
const (
	CSV     Format = "csv"
	NDJSON  Format = "ndjson"
	JSON    Format = "json"
	Parquet Format = "parquet"
)

// ContentType returns the media type of the format.
func (f Format) ContentType() string {
	switch f {
	case CSV:
		return "text/csv"
	case NDJSON:
		return "application/x-ndjson"
	case JSON:
		return "application/json"
	case Parquet:
		return "application/vnd.apache.parquet"
	}
	return "application/octet-stream"
}

// Extension returns the extension of file names, with its dot.
func (f Format) Extension() string { return "." + string(f) }

// Options configure a [Writer].
type Options struct {
	Format Format

	// NoHeader omits the names of the columns from CSV.
	NoHeader bool

	// Metadata describes the file in the footer of Parquet.
	Metadata Metadata
}

// Metadata says what a file contains.
type Metadata struct {
	View         string // url|version, or the name
	ResourceType string
	Version      string // of Sluice
	Export       string // the id of the export; empty outside of one
	Snapshot     time.Time
}

// Writer writes rows of one view to one file. Rows are collected in batches, which several
// goroutines may fill at the same time. Nothing is written before the first batch, so
// that a caller can still report an error of the first rows differently.
type Writer struct {
	columns []column

	mu   sync.Mutex
	file file
	err  error // the first error; the file is incomplete after it

	rows, bytes atomic.Int64
}

// file is the part of a [Writer] that depends on the format. Only newBuffer is called by
// several goroutines at the same time.
type file interface {
	newBuffer() buffer

	// write writes the rows of a buffer.
	write(b buffer) error

	// close completes a file of so many rows.
	close(rows int64) error

	// size returns the bytes written and an estimate of those still in memory.
	size() int64
}

// buffer is the part of a [Batch] that depends on the format.
type buffer interface {
	// append adds a row. If the row does not fit, the buffer is unchanged.
	append(row []view.Cell) error

	// size returns the memory of the rows in bytes.
	size() int

	// reset removes all rows.
	reset()
}

// maxRetained is the memory that a buffer keeps for its next rows, in bytes. One very long
// cell must not keep every batch large.
const maxRetained = 1 << 20

// NewWriter returns a writer of rows with these columns.
func NewWriter(out io.Writer, columns []view.Column, opts Options) (*Writer, error) {
	if len(columns) == 0 {
		return nil, errors.New("a table needs at least one column")
	}
	w := &Writer{columns: make([]column, len(columns))}
	for i, c := range columns {
		var err error
		if w.columns[i], err = newColumn(c); err != nil {
			return nil, err
		}
	}
	switch opts.Format {
	case CSV:
		w.file = newCSV(out, w.columns, !opts.NoHeader)
	case NDJSON:
		w.file = newNDJSON(out, w.columns)
	case JSON:
		w.file = newJSON(out, w.columns)
	case Parquet:
		w.file = newParquet(out, w.columns, opts.Metadata)
	default:
		return nil, fmt.Errorf("unknown format %q; supported: csv, ndjson, json, parquet", opts.Format)
	}
	return w, nil
}

// Write writes the rows of a batch and empties it. It is safe for concurrent use. The rows
// of a batch stay together and in order.
func (w *Writer) Write(b *Batch) error {
	if b.rows == 0 {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = w.file.write(b.buffer)
	}
	if w.err != nil {
		return w.err
	}
	w.rows.Add(int64(b.rows))
	w.bytes.Store(w.file.size())
	b.rows = 0
	b.buffer.reset()
	return nil
}

// Close completes the file. It does not close the underlying writer. After an error, the
// output is not a valid file.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = w.file.close(w.rows.Load())
		w.bytes.Store(w.file.size())
	}
	return w.err
}

// Rows returns the number of rows written.
func (w *Writer) Rows() int64 { return w.rows.Load() }

// Bytes returns the number of bytes written, with an estimate of what is still buffered.
// It is exact after Close.
func (w *Writer) Bytes() int64 { return w.bytes.Load() }

// maxRowBytes is the maximum size of the text of a row. The evaluator of a view refers to
// the same text in every column that has it, but a row has a copy for each, and formats
// make several copies of a row while they write it.
const maxRowBytes = 64 << 20

// Batch collects rows of a writer. It is not safe for concurrent use.
type Batch struct {
	columns []column
	rows    int
	buffer  buffer
}

// NewBatch returns an empty batch. Every writer with the same columns and format can write
// it.
func (w *Writer) NewBatch() *Batch {
	return &Batch{columns: w.columns, buffer: w.file.newBuffer()}
}

// Append adds a row, whose memory it copies. The error is a *view.DataError if a cell does
// not fit the SQL type of its column, or the row is too long; the batch is then as before.
func (b *Batch) Append(row []view.Cell) error {
	if len(row) != len(b.columns) {
		return fmt.Errorf("the row has %d cells for %d columns", len(row), len(b.columns))
	}
	if err := checkLength(b.columns, row); err != nil {
		return err
	}
	if err := b.buffer.append(row); err != nil {
		return err
	}
	b.rows++
	return nil
}

// checkLength returns an error if the text of a row is too long.
func checkLength(columns []column, row []view.Cell) error {
	bytes := 0
	for i := range row {
		bytes += len(row[i].Text)
		for j := range row[i].Items {
			bytes += len(row[i].Items[j].Text)
		}
		if bytes > maxRowBytes {
			return columns[i].error(fmt.Sprintf("the text of the row up to this column exceeds %d MiB", maxRowBytes>>20))
		}
	}
	return nil
}

// Size returns the approximate memory of the rows, in bytes.
func (b *Batch) Size() int { return b.buffer.size() }

// Len returns the number of rows.
func (b *Batch) Len() int { return b.rows }
