// Package ndjson is the data path: it converts the rows of a FHIR table to lines of
// ndjson, in Aidbox's format or in FHIR's, compresses them, and writes them to an
// io.Writer.
//
// A transfer has producers and a writer, connected by a pipe with bounded buffers. A
// producer is a goroutine that reads rows and formats lines; the writer is one
// goroutine. Memory does not depend on the size of the table.
//
// The package must not know who reads the lines (an HTTP client, an upload) or why
// the rows were selected.
package ndjson

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/seed-90096f4d/sluice/source"
)

// Rows are rows to write, such as *source.Rows, which documents these methods. The
// caller closes them.
type Rows interface {
	Next() bool
	Row() *source.Row
	Err() error
	Cancel()
}

// Options describe how lines are formatted and written. The zero value writes plain
// lines in Aidbox's format.
type Options struct {
	// Format is the format of the lines.
	Format Format

	// Gzip compresses the output, as one gzip member for each file.
	Gzip bool

	// Issue, if set, is called for everything that could not be converted to FHIR. It
	// is called by any producer, but never concurrently.
	Issue func(Issue)

	// MaxFileBytes is the maximum size of a file, before compression. A longer line is
	// written to a file of its own. 0 means unlimited; Write ignores it.
	MaxFileBytes int64

	// Progress, if set, is called from time to time, and at a successful end, with the
	// numbers of rows and of bytes of their resources read so far. It must return
	// quickly. It is called by any producer, but never concurrently.
	Progress func(rows, storedBytes int64)
}

// Result counts what was read and written.
type Result struct {
	Rows        int64 // written; of WriteDeletions, Bundles
	StoredBytes int64 // of resources, as received (source.Row)
	PlainBytes  int64 // lines, before compression
	Bytes       int64 // as written
	Issues      int64 // reported to Options.Issue
}

// Write writes a line for each row to w, in the order of the rows. In FHIR format,
// rows whose document is not an object are omitted and reported to Options.Issue.
//
// Rows are read, formatted and compressed in the caller's goroutine and written in
// another one, in large pieces. The first line is written immediately, and so are
// lines that are followed by no others for 20 ms; then w is flushed, if it has a
// method Flush or FlushError.
//
// If reading or writing fails, Write stops both and returns the first error (the
// cause of ctx, if ctx has ended) and a Result that counts what was done. The output
// is then not completed: without the trailer of gzip, it cannot be mistaken for a
// complete one.
//
// Write returns when its goroutines have ended. The caller must make a write that may
// block indefinitely fail when ctx ends.
func Write(ctx context.Context, w io.Writer, resourceType string, rows Rows, opts Options) (Result, error) {
	return WriteParallel(ctx, w, resourceType, []Rows{rows}, opts)
}

// WriteParallel is Write for the rows of several readers, each in a goroutine of its
// own. Lines of one reader are in the order of its rows.
func WriteParallel[R Rows](ctx context.Context, w io.Writer, resourceType string, readers []R, opts Options) (Result, error) {
	t := startTransfer(ctx, newSink(w, opts.Gzip), opts)
	defer t.abort()
	return t.finish(resourceType, copyParallel(t, resourceType, readers, opts))
}

// copyParallel writes a line for each row of all readers.
func copyParallel[R Rows](t *transfer, resourceType string, readers []R, opts Options) error {
	compression := opts.compression(len(readers))
	return ForEach(t.ctx, readers, func(ctx context.Context, rows R) error {
		return t.copyRows(ctx, resourceType, rows, opts.Format, compression)
	})
}

// ForEach calls read for the rows of each reader, in goroutines if there are several, and
// returns the first error. ctx ends with it. A panic reaches the caller.
func ForEach[R Rows](ctx context.Context, readers []R, read func(context.Context, R) error) error {
	if len(readers) == 1 {
		return read(ctx, readers[0])
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, rows := range readers {
		group.Go(func() (err error) {
			defer catch(&err)
			return read(ctx, rows)
		})
	}
	err := group.Wait()
	if p := (*panicError)(nil); errors.As(err, &p) {
		panic(p.value)
	}
	return err
}

// panicError is a panic on its way to the goroutine of the caller, which may recover
// from it. In any other goroutine it would end the process.
type panicError struct{ value any }

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// catch turns a panic into an error.
func catch(err *error) {
	if value := recover(); value != nil {
		*err = &panicError{value}
	}
}
