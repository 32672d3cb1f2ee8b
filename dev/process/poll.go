package process

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const pollInterval = 10 * time.Millisecond

// Poll calls check until it reports true, and returns its error then. An error with
// false is temporary, since a server may be down: if the timeout expires or ctx ends,
// the last one is part of the returned error.
func Poll(ctx context.Context, timeout time.Duration, what string, check func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var last error
	for {
		done, err := check(ctx)
		if done {
			return err
		}
		if err != nil && ctx.Err() == nil {
			last = err
		}
		if Sleep(ctx, pollInterval) != nil {
			return errors.Join(fmt.Errorf("wait for %s: %w", what, context.Cause(ctx)), last)
		}
	}
}

// Poll is the function Poll, which also fails when the child exits.
func (c *Child) Poll(ctx context.Context, timeout time.Duration, what string, check func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-c.done:
			cancel(errors.New("the process has exited"))
		case <-ctx.Done():
		}
	}()
	return Poll(ctx, timeout, what, check)
}

// Sleep returns after d, or earlier with the error of ctx.
func Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
