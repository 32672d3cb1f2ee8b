// Package table writes the rows of views as CSV, ndjson, a JSON array, or Parquet.
//
// It must not know how rows are made or who reads the output.
package table

import (
	"errors"
	"io"
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
func (f Format) ContentType() string { return "" }

// Extension returns the extension of file names, with its dot.
func (f Format) Extension() string { return "" }

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
// goroutines may fill at the same time.
type Writer struct{}

// NewWriter returns a writer of rows with these columns.
func NewWriter(out io.Writer, columns []view.Column, opts Options) (*Writer, error) {
	return nil, errors.New("not implemented")
}

// Write writes the rows of a batch and empties it. It is safe for concurrent use.
func (w *Writer) Write(b *Batch) error { return nil }

// Close completes the file. It does not close the underlying writer.
func (w *Writer) Close() error { return nil }

// Rows returns the number of rows written.
func (w *Writer) Rows() int64 { return 0 }

// Bytes returns the number of bytes written, with an estimate of what is still buffered.
func (w *Writer) Bytes() int64 { return 0 }

// Batch collects rows of a writer. It is not safe for concurrent use.
type Batch struct{}

// NewBatch returns an empty batch.
func (w *Writer) NewBatch() *Batch { return &Batch{} }

// Append adds a row, whose memory it copies. The error is a *view.DataError if a cell does
// not fit the SQL type of its column.
func (b *Batch) Append(row []view.Cell) error { return nil }

// Size returns the approximate memory of the rows, in bytes.
func (b *Batch) Size() int { return 0 }

// Len returns the number of rows.
func (b *Batch) Len() int { return 0 }
