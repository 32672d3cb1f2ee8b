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

	"github.com/seed-90096f4d/sluice/source"
)

// DefaultGzipLevel is the level that keeps up with PostgreSQL on one core.
const DefaultGzipLevel = 1

// RowsFunc hands rows to fn until there are no more, ctx is done or fn fails;
// then it returns that error. Source.Scan and Source.ScanAt become one when
// wrapped in a function literal.
type RowsFunc func(ctx context.Context, fn func(*source.Row) error) error

// ManyRowsFunc hands out rows in several goroutines at the same time. Each of them
// calls each once, with a context that ends when another fails, and hands its
// rows to what it got. All have ended when the function returns, with the first
// error. Source.ScanMany becomes one when wrapped in a function literal.
type ManyRowsFunc func(ctx context.Context, each source.EachFunc) error

// Options says how lines look and are written. The zero value gives plain
// lines in Aidbox's format.
type Options struct {
	// Format is the form of each line.
	Format Format

	// Gzip compresses what is written, as one gzip member.
	Gzip bool

	// GzipLevel is from 1 (fast) to 9 (small). Defaults to DefaultGzipLevel.
	GzipLevel int

	// Issue, if set, is called for each thing that could not be converted to FHIR,
	// by the goroutine that called Write. WriteMany calls it in any goroutine, but
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
// Rows are read and formatted in the caller's goroutine, compression and
// writing go on beside it. w gets large pieces, but the first line at once, and
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
func Write(ctx context.Context, w io.Writer, resourceType string, rows RowsFunc, opts Options) (Result, error) {
	return WriteMany(ctx, w, resourceType, rows.alone, opts)
}

// alone hands the rows out in the goroutine of the caller.
func (rows RowsFunc) alone(ctx context.Context, each source.EachFunc) error {
	return rows(ctx, each(ctx))
}

// WriteMany is Write for rows that come in several goroutines: each formats its
// own, and compresses them too. Lines are in the order of the rows within
// one goroutine, and whole lines of all of them alternate.
func WriteMany(ctx context.Context, w io.Writer, resourceType string, rows ManyRowsFunc, opts Options) (Result, error) {
	sink, err := newSink(w, opts)
	if err != nil {
		return Result{}, fmt.Errorf("dump: %w", err)
	}
	return writeRows(ctx, sink, resourceType, rows, opts)
}

// writeRows writes a line for each row to the target.
func writeRows(ctx context.Context, to target, resourceType string, rows ManyRowsFunc, opts Options) (Result, error) {
	return transfer(ctx, to, resourceType, opts, func(ctx context.Context, lines *lines) error {
		return rows(ctx, func(ctx context.Context) func(*source.Row) error {
			maker, formatter := lines.maker(), newFormatter(resourceType, opts.Format, lines.issue)
			return func(row *source.Row) error {
				if formatter.omits(row) {
					maker.skip(len(row.Resource))
					return nil
				}
				return maker.line(ctx, len(row.Resource), len(row.Resource), func(dst []byte) []byte { return formatter.appendLine(dst, row) })
			}
		})
	})
}

// transfer writes the lines that read makes to the target.
func transfer(ctx context.Context, to target, resourceType string, opts Options, read func(context.Context, *lines) error) (Result, error) {
	readCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	pipe := newPipe()
	written := make(chan error, 1)
	go func() {
		err := drain(pipe, to)
		if err != nil {
			cancel(err)
		}
		written <- err
	}()

	lines := newLines(pipe, opts)
	readErr := lines.read(readCtx, read)
	writeErr := <-written

	result := lines.result(readErr == nil)
	result.Bytes, result.SHA256 = to.written()
	switch {
	case writeErr != nil:
		return result, fmt.Errorf("dump: write %s: %w", resourceType, writeErr)
	case readErr != nil:
		return result, fmt.Errorf("dump: read %s: %w", resourceType, cause(ctx, readErr))
	}
	return result, nil
}

// cause is the reason why ctx was cancelled, if that is what err is about.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return context.Cause(ctx)
	}
	return err
}
