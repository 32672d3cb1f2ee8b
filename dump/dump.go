// Package dump is the data path: it turns the rows of a FHIR table into lines
// of ndjson, in Aidbox's format or in FHIR's, compressed or not, and writes
// them to anything that takes bytes.
//
// It works in constant memory, whatever the size of the table. It must not know
// who reads the lines (an HTTP client, an upload) nor which rows were asked for.
package dump

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

// Options says how lines look and are written. The zero value gives plain
// lines in Aidbox's format.
type Options struct {
	// Format is the form of each line.
	Format Format

	// Gzip compresses what is written, as one gzip member.
	Gzip bool

	// GzipLevel is from 1 (fast) to 9 (small). Defaults to DefaultGzipLevel.
	GzipLevel int

	// Issue, if set, is called by the goroutine that called Write for each thing
	// that could not be converted to FHIR.
	Issue func(Issue)

	// MaxFileBytes bounds what WriteFiles and WriteDeletions put into one file,
	// in bytes of lines before compression. Only a line that alone is longer
	// makes a file longer. 0 means no bound.
	MaxFileBytes int64

	// Progress, if set, is called by the goroutine that called Write, now and
	// then and at the successful end, with the rows and the bytes of stored
	// jsonb text read so far. It must return quickly.
	Progress func(rows, storedBytes int64)

	// SHA256 asks for the hash of the written bytes, of each file.
	SHA256 bool
}

// Result counts what a dump has done.
type Result struct {
	Rows        int64 // and lines: of WriteDeletions, the Bundles
	StoredBytes int64 // jsonb text, as read
	PlainBytes  int64 // lines, before compression
	Bytes       int64 // as written
	Issues      int64 // things that could not be converted and passed as stored

	SHA256 [32]byte // of what Write has written, if asked for
}

// Write writes a line for each row to w. Lines are in the order of the rows.
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
	sink, err := newSink(w, opts)
	if err != nil {
		return Result{}, fmt.Errorf("dump: %w", err)
	}
	return writeRows(ctx, sink, resourceType, rows, opts)
}

// transfer writes the lines that read gives the reader to the target.
func transfer(ctx context.Context, to target, resourceType string, opts Options, read func(context.Context, *reader) error) (Result, error) {
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

	reader := reader{pipe: pipe, progress: opts.Progress}
	readErr := reader.read(readCtx, read)
	writeErr := <-written

	result := reader.result
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

// reader is the side that reads rows and makes lines.
type reader struct {
	pipe     *pipe
	progress func(rows, storedBytes int64)
	reported int64 // StoredBytes at the last call of progress
	result   Result
}

// read lets lines come and closes the pipe after them, whatever happens: a panic
// must not leave the other side waiting.
func (r *reader) read(ctx context.Context, lines func(context.Context, *reader) error) (err error) {
	complete := false
	defer func() { r.pipe.close(complete) }()

	if err := lines(ctx, r); err != nil {
		return err
	}
	r.report(0)
	complete = true
	return nil
}

// line puts one line of about this size into the pipe.
func (r *reader) line(ctx context.Context, size int, format func(dst []byte) []byte) error {
	n, err := r.pipe.put(ctx, size, format)
	if err != nil {
		return err
	}
	r.result.Rows++
	r.result.PlainBytes += int64(n)
	return nil
}

// stored counts what the last line was made of.
func (r *reader) stored(n int) {
	r.result.StoredBytes += int64(n)
	r.report(chunkSize)
}

// report calls progress if at least step bytes have been read since the last
// time.
func (r *reader) report(step int64) {
	if r.progress != nil && r.result.StoredBytes-r.reported >= step {
		r.reported = r.result.StoredBytes
		r.progress(r.result.Rows, r.result.StoredBytes)
	}
}
