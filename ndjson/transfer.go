package ndjson

import (
	"context"
	"errors"
	"fmt"
)

// transfer connects producers, which run in goroutines of the caller, with the
// goroutine that writes to the target.
type transfer struct {
	caller context.Context
	ctx    context.Context // of the producers; ends when writing fails
	cancel context.CancelCauseFunc
	pipe   *pipe
	tally  *tally
	to     target

	written  chan struct{} // closed when the writer has ended
	writeErr error         // then its error
}

// startTransfer starts the writer. Either finish or abort must be called.
func startTransfer(ctx context.Context, to target, opts Options) *transfer {
	pipe := newPipe()
	tally := &tally{progress: opts.Progress, notify: opts.Issue}
	t := &transfer{caller: ctx, pipe: pipe, tally: tally, to: to, written: make(chan struct{})}
	t.ctx, t.cancel = context.WithCancelCause(ctx)
	go func() {
		defer close(t.written)
		if t.writeErr = drain(pipe, to); t.writeErr != nil {
			t.cancel(t.writeErr)
		}
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
	to, formatter := t.pipe.add(t.tally, c), NewFormatter(resourceType, format, t.tally.issue)
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
	<-t.written

	result := t.tally.result(t.pipe.all(), readErr == nil)
	result.Bytes = t.to.written()
	switch {
	case t.writeErr != nil:
		return result, fmt.Errorf("ndjson: write %s: %w", resourceType, t.writeErr)
	case readErr != nil:
		return result, fmt.Errorf("ndjson: read %s: %w", resourceType, cause(t.caller, readErr))
	}
	return result, nil
}

// abort stops the writer if finish was not called, and waits for its end.
func (t *transfer) abort() {
	t.pipe.close(false)
	t.cancel(nil)
	<-t.written
}

// cause returns the cause of ctx if err is the error of ctx, or err.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return context.Cause(ctx)
	}
	return err
}
