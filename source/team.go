package source

import (
	"context"
	"sync"
)

// team is some goroutines with one end: the first error stops all. A panic of one
// does the same and becomes one of wait, where the caller can deal with it;
// otherwise it would end the process.
type team struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu       sync.Mutex
	err      error
	panicked any
}

// newTeam returns a team and the context that ends with its first error.
func newTeam(ctx context.Context) (*team, context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	return &team{cancel: cancel}, ctx
}

// spawn lets f run in a goroutine of its own.
func (t *team) spawn(f func() error) { t.wg.Go(func() { t.do(f) }) }

// do lets f run in this goroutine.
func (t *team) do(f func() error) {
	defer func() {
		if value := recover(); value != nil {
			t.stop(nil, value)
		}
	}()
	if err := f(); err != nil {
		t.stop(err, nil)
	}
}

// stop ends all for the first reason given.
func (t *team) stop(err error, panicked any) {
	t.mu.Lock()
	defer t.mu.Unlock()

	if t.err == nil && t.panicked == nil {
		t.err, t.panicked = err, panicked
	}
	t.cancel()
}

// wait returns when all have ended, with the first error.
func (t *team) wait() error {
	t.wg.Wait()
	t.cancel()
	if t.panicked != nil {
		panic(t.panicked)
	}
	return t.err
}
