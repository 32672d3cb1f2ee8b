package ndjson

import (
	"context"
	"errors"
	"fmt"
)

// transfer is one dump: the caller makes lines, another goroutine writes them to
// the target.
type transfer struct {
	caller  context.Context
	ctx     context.Context // of reading; ends when writing fails
	cancel  context.CancelCauseFunc
	pipe    *pipe
	tally   *tally
	to      target
	written chan error // the result of writing
}

// startTransfer starts to write what comes through the pipe.
func startTransfer(ctx context.Context, to target, opts Options) *transfer {
	pipe := newPipe()
	tally := &tally{progress: opts.Progress, notify: opts.Issue}
	t := &transfer{caller: ctx, pipe: pipe, tally: tally, to: to, written: make(chan error, 1)}
	t.ctx, t.cancel = context.WithCancelCause(ctx)
	go func() {
		err := drain(pipe, to)
		if err != nil {
			t.cancel(err)
		}
		t.written <- err
	}()
	return t
}

// copyRows makes a line of each row, in the order of the rows. It cancels the rows
// when ctx ends.
func (t *transfer) copyRows(ctx context.Context, to *producer, resourceType string, rows Rows, format Format) error {
	stop := context.AfterFunc(ctx, rows.Cancel)
	defer stop()
	formatter := newFormatter(resourceType, format, t.tally.issue)
	for rows.Next() {
		row := rows.Row()
		size := len(row.Resource)
		if formatter.omits(row) {
			to.skip(size)
			continue
		}
		if err := to.line(ctx, size, size, func(dst []byte) []byte { return formatter.appendLine(dst, row) }); err != nil {
			return err
		}
	}
	return rows.Err()
}

// finish waits until all lines are written and returns what was done. readErr is
// the error of making them.
func (t *transfer) finish(resourceType string, readErr error) (Result, error) {
	t.pipe.close(readErr == nil)
	writeErr := <-t.written

	result := t.tally.result(t.pipe.all(), readErr == nil)
	result.Bytes, result.SHA256 = t.to.written()
	switch {
	case writeErr != nil:
		return result, fmt.Errorf("dump: write %s: %w", resourceType, writeErr)
	case readErr != nil:
		return result, fmt.Errorf("dump: read %s: %w", resourceType, cause(t.caller, readErr))
	}
	return result, nil
}

// abort ends the writing if finish was not called, because of a panic.
func (t *transfer) abort() {
	t.pipe.close(false)
	t.cancel(nil)
}

// cause is the reason why ctx was cancelled, if that is what err is about.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return context.Cause(ctx)
	}
	return err
}
