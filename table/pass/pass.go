// Package pass evaluates the views of one resource type in one pass over its rows, and
// writes their rows to tables.
//
// Each reader has a goroutine: it converts a row to FHIR JSON once, with the elements
// that any of the views reads, evaluates every view on it, and collects the rows in
// batches, which it writes when they are large or old. Memory does not depend on the
// number of rows.
//
// It must not know why the resources were selected or where the output goes.
package pass

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/seed-90096f4d/sluice/limit/memory"
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
	// a file has reached Options.MaxFileBytes; then the previous file is complete. The
	// writer is flushed from time to time, if it has a method Flush or FlushError.
	Next func(ctx context.Context) (io.Writer, error)
}

// Options configure a pass.
type Options struct {
	// Format has the attributes and the style of the resources; the pass sets the rest.
	// References to Style.AttachmentBaseURL, the FHIR server, have keys.
	Format ndjson.Format

	// Limit is the maximum number of rows of each output. 0 means unlimited.
	Limit int64

	// MaxFileBytes is the size at which a file is completed and the next one begins, in
	// bytes as table.Writer.Bytes counts them. 0 means one file, which also exists if
	// there are no rows.
	MaxFileBytes int64

	// Issue is ndjson.Options.Issue. A view does not see an element that could not be
	// converted, and a resource that is not an object has no rows.
	Issue func(ndjson.Issue)

	// Progress is ndjson.Options.Progress.
	Progress func(rows, storedBytes int64)
}

// File is a complete file.
type File struct {
	Rows  int64
	Bytes int64 // before a compression by the caller
}

// Result counts what was read and written.
type Result struct {
	Resources   int64    // read
	StoredBytes int64    // of resources, as received (source.Row)
	Issues      int64    // reported to Options.Issue
	Files       [][]File // by output
}

// ResourceError is a resource that a view could not be evaluated on.
type ResourceError struct {
	ResourceType, ID string
	View             string // its name; may be empty
	Err              error
}

// Error describes the error for the log, as [view.DataError.Error] does.
func (e *ResourceError) Error() string { return e.text(e.Err.Error()) }

// Describe describes the error for the author of the view, as [view.DataError.Describe]
// does.
func (e *ResourceError) Describe() string {
	var data *view.DataError
	if errors.As(e.Err, &data) {
		return e.text(data.Describe())
	}
	return e.Error()
}

func (e *ResourceError) text(reason string) string {
	if e.View == "" {
		return fmt.Sprintf("%s/%s: %s", e.ResourceType, e.ID, reason)
	}
	return fmt.Sprintf("%s/%s: view %s: %s", e.ResourceType, e.ID, e.View, reason)
}

// Unwrap returns the cause.
func (e *ResourceError) Unwrap() error { return e.Err }

// Run reads all rows of the readers, each in a goroutine of its own, and writes the rows of
// all outputs. With several readers, rows are in the order in which they are written.
//
// The first row of an output is written immediately, and later ones are written 100 ms
// after the previous write or in large pieces; Parquet always in large pieces. When every
// output has reached Options.Limit, the rows are cancelled, and the rest is not read.
//
// Run returns the first error, which is a *ResourceError if a view could not be evaluated,
// or the cause of ctx, if ctx has ended. Files that were not completed are then not part of
// the Result. The caller must make a write that may block indefinitely fail when ctx ends.
func Run[R ndjson.Rows](ctx context.Context, resourceType string, readers []R, outputs []Output, opts Options) (Result, error) {
	defer memory.Raise(parquetMemory(outputs))()
	p := newPass(ctx, resourceType, len(readers), outputs, opts)
	defer p.stop(nil)
	err := ndjson.ForEach(p.ctx, readers, func(ctx context.Context, rows R) error { return p.read(ctx, rows) })
	if err == nil {
		err = p.complete()
	}
	return p.result(err)
}

// openParquetBytes is the memory of an open file of Parquet, garbage included: twice of what
// is in use with the columns of most views.
const openParquetBytes = 64 << 20

// parquetMemory returns the memory of the open files of Parquet.
func parquetMemory(outputs []Output) (bytes int64) {
	for _, o := range outputs {
		if o.Options.Format == table.Parquet {
			bytes += openParquetBytes
		}
	}
	return bytes
}

// pass is the state that all readers share.
type pass struct {
	caller       context.Context
	ctx          context.Context // of the readers; ends with errEnough
	stop         context.CancelCauseFunc
	resourceType string
	format       ndjson.Format
	tally        *tally
	outputs      []*output
	unfinished   atomic.Int64 // outputs that have not reached the limit

	// hugeSlot holds an element while a huge resource is converted and evaluated. Only
	// one reader does that at a time.
	hugeSlot chan struct{}
}

// errEnough is the cause of the end of the readers when all outputs have reached the limit.
var errEnough = errors.New("limit reached")

func newPass(ctx context.Context, resourceType string, readers int, outputs []Output, opts Options) *pass {
	p := &pass{
		caller:       ctx,
		resourceType: resourceType,
		format:       opts.Format,
		tally:        &tally{progress: opts.Progress, notify: opts.Issue},
		hugeSlot:     make(chan struct{}, 1),
	}
	p.ctx, p.stop = context.WithCancelCause(ctx)
	p.format.FHIR, p.format.Elements, p.format.Projection = true, nil, projection(outputs)
	p.format.Style.VersionIDAsString = true // as in FHIR
	for _, o := range outputs {
		p.outputs = append(p.outputs, newOutput(ctx, o, opts, batchSize(o.Options.Format, readers*len(outputs))))
	}
	p.unfinished.Store(int64(len(outputs)))
	return p
}

// projection returns the elements that any of the views reads; nil means all.
func projection(outputs []Output) []string {
	elements := []string{}
	for _, o := range outputs {
		read := o.View.Elements()
		if read == nil {
			return nil
		}
		elements = append(elements, read...)
	}
	return elements
}

// reserve reserves a row of the output, and reports whether its limit permits one. It
// ends the readers after the last row of all outputs.
func (p *pass) reserve(o *output) bool {
	left := o.remaining.Add(-1)
	if left == 0 && p.unfinished.Add(-1) == 0 {
		p.stop(errEnough)
	}
	return left >= 0
}

// hasEnough reports whether all outputs have reached the limit.
func (p *pass) hasEnough() bool { return p.unfinished.Load() == 0 }

// complete completes the last file of each output.
func (p *pass) complete() error {
	for _, o := range p.outputs {
		if err := o.finish(); err != nil {
			return err
		}
	}
	return nil
}

// result returns what was done. err is the error that has ended the readers, if there was
// one.
func (p *pass) result(err error) (Result, error) {
	result := p.tally.result(err == nil)
	for _, o := range p.outputs {
		result.Files = append(result.Files, o.files)
	}
	if err != nil {
		err = fmt.Errorf("pass: %w", cause(p.caller, err))
	}
	return result, err
}

// cause returns the cause of ctx if err is the error of ctx, or err.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return context.Cause(ctx)
	}
	return err
}
