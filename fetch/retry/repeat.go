package retry

import (
	"context"
	"errors"
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
// longer repeated under the policy, and returns its last error. The warn function is called
// before each wait.
func (p Policy) Repeat(ctx context.Context, warn func(err error, wait time.Duration), do func() error) error {
	attempts := p.Begin()
	for {
		err := do()
		var temporary *Temporary
		if !errors.As(err, &temporary) {
			return err
		}
		wait, again := attempts.Failed(temporary.Asked)
		if !again {
			return err
		}
		warn(err, wait)
		if err := Sleep(ctx, wait); err != nil {
			return err
		}
	}
}
