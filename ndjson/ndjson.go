// Package ndjson is the data path: it turns the rows of a FHIR table into lines
// of ndjson, in Aidbox's format or in FHIR's, compressed or not, and writes
// them to anything that takes bytes.
//
// It works in constant memory, whatever the size of the table. It must not know
// who reads the lines (an HTTP client, an upload) nor which rows were asked for.
package ndjson

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/seed-90096f4d/sluice/source"
)

// Rows are rows to write, such as *source.Rows, which documents these methods.
// They are not closed here.
type Rows interface {
	Next() bool
	Row() *source.Row
	Err() error
	Cancel()
}

// Options says how lines look and are written. The zero value gives plain
// lines in Aidbox's format.
type Options struct {
	// Format is the form of each line.
	Format Format

	// Gzip compresses what is written, as one gzip member.
	Gzip bool

	// Issue, if set, is called for each thing that could not be converted to FHIR,
	// by the goroutine that called Write. WriteParallel calls it in any goroutine, but
	// never twice at the same time.
	Issue func(Issue)

	// MaxFileBytes bounds what WriteFiles and WriteDeletions put into one file,
	// in bytes of lines before compression. Only a line that alone is longer
	// makes a file longer. 0 means no bound.
	MaxFileBytes int64

	// Progress, if set, is called now and then and at the successful end, in the
	// same way as Issue, with the rows and the bytes of stored jsonb text read so
	// far. It must return quickly.
	Progress func(rows, storedBytes int64)

	// SHA256 asks for the hash of the written bytes, of each file.
	SHA256 bool
}

// Result counts what a dump has done.
type Result struct {
	Rows        int64 // written: of WriteDeletions, the Bundles
	StoredBytes int64 // jsonb text, as read
	PlainBytes  int64 // lines, before compression
	Bytes       int64 // as written
	Issues      int64 // things that could not be converted: passed as stored, or omitted

	SHA256 [32]byte // of what Write has written, if asked for
}

// Write writes a line for each row to w, in the order of the rows. FHIR format
// omits rows whose document is not an object, and reports each as an Issue.
//
// Rows are read and formatted in the caller's goroutine; compression and writing
// go on in another one. w gets large pieces, but the first line at once, and
// what there is when no more comes for a moment; if w has a method Flush (or
// FlushError), it is called then.
//
// If reading or writing fails, the other side is stopped and the first error
// returned (with the cause of ctx, if that was it); the Result then counts what
// was done. Nothing completes what was written: in particular the trailer of
// gzip is missing, so that no reader can take a broken dump for a whole one.
//
// Write returns only when no goroutine of its own is left. So a w that may
// block for ever must be made to fail from outside when ctx ends.
func Write(ctx context.Context, w io.Writer, resourceType string, rows Rows, opts Options) (Result, error) {
	return WriteParallel(ctx, w, resourceType, []Rows{rows}, opts)
}

// WriteParallel is Write for rows of several readers: one goroutine for each reads,
// formats and compresses its rows. Lines are in the order of the rows within one
// reader, and whole lines of all readers alternate.
func WriteParallel[R Rows](ctx context.Context, w io.Writer, resourceType string, readers []R, opts Options) (Result, error) {
	t := startTransfer(ctx, newSink(w, opts), opts)
	defer t.abort()
	return t.finish(resourceType, copyParallel(t, resourceType, readers, opts))
}

// copyParallel makes a line of each row of all readers.
func copyParallel[R Rows](t *transfer, resourceType string, readers []R, opts Options) error {
	if len(readers) == 1 {
		return t.copyRows(t.ctx, t.pipe.producer(t.tally, opts.Gzip), resourceType, readers[0], opts.Format)
	}
	group, ctx := errgroup.WithContext(t.ctx)
	for _, rows := range readers {
		group.Go(func() (err error) {
			defer catch(&err)
			return t.copyRows(ctx, t.pipe.producer(t.tally, opts.Gzip), resourceType, rows, opts.Format)
		})
	}
	err := group.Wait()
	if p := (*panicError)(nil); errors.As(err, &p) {
		panic(p.value)
	}
	return err
}

// panicError carries a panic to the goroutine of the caller, who may recover from
// it; in any other goroutine it would end the process.
type panicError struct{ value any }

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// catch turns a panic into an error.
func catch(err *error) {
	if value := recover(); value != nil {
		*err = &panicError{value}
	}
}
