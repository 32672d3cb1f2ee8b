package ndjson

import (
	"context"
	"errors"
	"fmt"
)

// transfer connects producers, which run in goroutines of the caller, with the
// goroutine that writes to the target.
type transfer struct {
	caller  context.Context
	ctx     context.Context // of the producers; ends when writing fails
	cancel  context.CancelCauseFunc
	pipe    *pipe
	tally   *tally
	to      target
	written chan error // the result of writing
}

// startTransfer starts the writer. Either finish or abort must be called.
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

// copyRows writes a line for each row, in the order of the rows. It cancels the rows
// when ctx ends.
func (t *transfer) copyRows(ctx context.Context, resourceType string, rows Rows, format Format, c compression) error {
	stop := context.AfterFunc(ctx, rows.Cancel)
	defer stop()
	if !rows.Next() { // a reader without rows needs no buffers
		return rows.Err()
	}
	to, formatter := t.pipe.add(t.tally, c), newFormatter(resourceType, format, t.tally.issue)
	for more := true; more; more = rows.Next() {
		if _, err := to.row(ctx, formatter, rows.Row()); err != nil {
			return err
		}
	}
	return rows.Err()
}

// finish waits until all lines are written and returns what was done. readErr is the
// error of reading the rows, if there was one.
func (t *transfer) finish(resourceType string, readErr error) (Result, error) {
	t.pipe.close(readErr == nil)
	writeErr := <-t.written

	result := t.tally.result(t.pipe.all(), readErr == nil)
	result.Bytes, result.SHA256 = t.to.written()
	switch {
	case writeErr != nil:
		return result, fmt.Errorf("ndjson: write %s: %w", resourceType, writeErr)
	case readErr != nil:
		return result, fmt.Errorf("ndjson: read %s: %w", resourceType, cause(t.caller, readErr))
	}
	return result, nil
}

// abort stops the writer if finish was not called.
func (t *transfer) abort() {
	t.pipe.close(false)
	t.cancel(nil)
}

// cause returns the cause of ctx if err is the error of ctx, or err.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return context.Cause(ctx)
	}
	return err
}
