package pass

import (
	"context"
	"fmt"
	"io"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-90096f4d/sluice/table"
	"github.com/seed-90096f4d/sluice/view"
)

const (
	// maxLineBytes is the size of a batch of lines that is written: large enough that
	// locks and writes cost little for each row.
	maxLineBytes = 64 << 10

	// maxParquetBytes and maxParquetRows are the same for Parquet, whose columns are
	// encoded together.
	maxParquetBytes = 256 << 10
	maxParquetRows  = 4096

	// batchBudget bounds the batches of all readers and outputs together.
	batchBudget = 4 << 20

	// maxReused is the maximum size of a buffer that is reused for the next resource.
	maxReused = 1 << 20

	// maxAge is the time after the last write of an output after which its rows are
	// written, however few they are.
	maxAge = 100 * time.Millisecond
)

// batchSize returns the size at which a batch is written, if there are so many.
func batchSize(format table.Format, batches int) int {
	size := maxLineBytes
	if format == table.Parquet {
		size = maxParquetBytes
	}
	return min(size, batchBudget/max(batches, 1))
}

// output is the files of a view, which all readers write to.
type output struct {
	ctx      context.Context // of next
	view     *view.View
	options  table.Options
	next     func(context.Context) (io.Writer, error)
	maxBytes int64 // of a file

	maxBatchBytes, maxBatchRows int

	remaining atomic.Int64 // rows up to the limit
	lastWrite atomic.Int64 // a time.Duration since began; 0 if there was none
	began     time.Time

	mu     sync.Mutex
	file   io.Writer
	writer *table.Writer // to file; nil before its first row
	files  []File        // those that are complete
}

func newOutput(ctx context.Context, o Output, opts Options, batchBytes int) *output {
	made := &output{
		ctx:           ctx,
		view:          o.View,
		options:       o.Options,
		next:          o.Next,
		maxBytes:      opts.MaxFileBytes,
		maxBatchBytes: batchBytes,
		maxBatchRows:  math.MaxInt,
		began:         time.Now().Add(-maxAge), // the first row is written immediately
	}
	if o.Options.Format == table.Parquet {
		made.maxBatchRows = maxParquetRows
	}
	made.remaining.Store(math.MaxInt64)
	if opts.Limit > 0 {
		made.remaining.Store(opts.Limit)
	}
	return made
}

// isFull reports whether the limit is reached.
func (o *output) isFull() bool { return o.remaining.Load() <= 0 }

// isLarge reports whether the batch is large enough to be written.
func (o *output) isLarge(b *table.Batch) bool {
	return b.Size() >= o.maxBatchBytes || b.Len() >= o.maxBatchRows
}

// isDue reports whether the last write was so long ago that rows should be written. Rows
// of Parquet cannot be read before the end of the file.
func (o *output) isDue() bool {
	return o.options.Format != table.Parquet && time.Since(o.began)-time.Duration(o.lastWrite.Load()) >= maxAge
}

// newBatch returns a batch for the current file and those after it.
func (o *output) newBatch() (*table.Batch, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.beginLocked(); err != nil {
		return nil, err
	}
	return o.writer.NewBatch(), nil
}

// write writes the rows of a batch and empties it. flush sends them to the reader at the
// other end.
func (o *output) write(b *table.Batch, flush bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()

	if err := o.beginLocked(); err != nil {
		return err
	}
	if err := o.writer.Write(b); err != nil {
		return o.explain(err)
	}
	if flush {
		if err := flushWriter(o.file); err != nil {
			return o.explain(err)
		}
	}
	o.lastWrite.Store(int64(time.Since(o.began)))
	if o.maxBytes > 0 && o.writer.Bytes() >= o.maxBytes {
		return o.completeLocked()
	}
	return nil
}

// finish completes the last file.
func (o *output) finish() error {
	o.mu.Lock()
	defer o.mu.Unlock()

	if o.maxBytes <= 0 {
		if err := o.beginLocked(); err != nil {
			return err
		}
	}
	return o.completeLocked()
}

// beginLocked begins a file, unless there is one.
func (o *output) beginLocked() (err error) {
	if o.writer != nil {
		return nil
	}
	if o.file, err = o.next(o.ctx); err != nil {
		return o.explain(err)
	}
	if o.writer, err = table.NewWriter(o.file, o.view.Columns, o.options); err != nil {
		return o.explain(err)
	}
	return nil
}

// completeLocked completes the current file, if there is one.
func (o *output) completeLocked() error {
	if o.writer == nil {
		return nil
	}
	if err := o.writer.Close(); err != nil {
		return o.explain(err)
	}
	o.files = append(o.files, File{Rows: o.writer.Rows(), Bytes: o.writer.Bytes()})
	o.writer = nil
	return nil
}

func (o *output) explain(err error) error { return fmt.Errorf("write %s: %w", o.view.Name, err) }

// flushWriter flushes w, if it is buffered.
func flushWriter(w io.Writer) error {
	switch w := w.(type) {
	case interface{ FlushError() error }:
		return w.FlushError()
	case interface{ Flush() }:
		w.Flush()
	}
	return nil
}
