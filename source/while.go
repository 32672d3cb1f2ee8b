package source

import (
	"context"
	"errors"
	"sync"
)

// While runs work, which needs the snapshot to be held. The context of work is
// cancelled when Watch returns an error, which is then part of the result.
func (sn *Snapshot) While(ctx context.Context, work func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel(nil)

	watching.Go(func() { cancel(sn.Watch(ctx)) })
	err := work(ctx)
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
		return errors.Join(cause, err)
	}
	return err
}
