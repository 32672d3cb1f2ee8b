package retry

import (
	"context"
	"fmt"
	"time"
)

// Temporary is the error of a step that is worth a repetition.
type Temporary struct {
	Err   error
	Asked Asked
}

func (e *Temporary) Error() string { return e.Err.Error() }
func (e *Temporary) Unwrap() error { return e.Err }

// Repeat calls do until it succeeds, fails with an error that is no *Temporary, or is no
// longer repeated under the policy. It returns the last error, without the mark. The warn
// function is called before each wait.
func (p Policy) Repeat(ctx context.Context, warn func(err error, wait time.Duration), do func() error) error {
	attempts := p.Begin()
	for n := 1; ; n++ {
		err := do()
		temporary, ok := err.(*Temporary) //nolint:errorlint // one that is wrapped is not of this step
		if !ok {
			return err
		}
		wait, again := attempts.Failed(temporary.Asked)
		switch {
		case !again && n == 1:
			return temporary.Err
		case !again:
			return fmt.Errorf("given up after %d attempts: %w", n, temporary.Err)
		}
		warn(temporary.Err, wait)
		if err := Sleep(ctx, wait); err != nil {
			return err
		}
	}
}
