package fetch

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/seed-90096f4d/sluice/fetch/output"
)

// The state of a run with 20,000 files has several megabytes. It is stored at most every
// saveInterval, and so seldom that storing takes at most a saveShare-th of the time. What
// is lost by a crash is verified again from the stored files.
const (
	saveInterval = 5 * time.Second
	saveShare    = 20
)

// journal keeps the state of a run and stores it.
type journal struct {
	output output.Output

	mu    sync.Mutex // protects what follows
	state *state
	dirty bool
	// removed is set when the run is complete and has no state any more.
	removed bool

	saving sync.Mutex
}

// update changes the state. The change is stored later.
func (j *journal) update(change func(*state)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change(j.state)
	j.dirty = true
}

// read calls f with the state, which it must not change.
func (j *journal) read(f func(*state)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	f(j.state)
}

// save stores the state, if it has changed.
func (j *journal) save(ctx context.Context) error {
	if j.output.Sequential() {
		return nil
	}
	j.saving.Lock()
	defer j.saving.Unlock()
	content, err := j.take()
	if err != nil || content == nil {
		return err
	}
	if err := j.output.WriteDocument(ctx, stateName, content); err != nil {
		j.update(func(*state) {}) // it is still to be stored
		return fail(Local, "store the state: %w", err)
	}
	return nil
}

// take returns the state as a document; nil if it has not changed.
func (j *journal) take() ([]byte, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.dirty || j.removed {
		return nil, nil
	}
	j.dirty = false
	return json.Marshal(j.state)
}

// keep stores the state regularly until ctx ends.
func (j *journal) keep(ctx context.Context) error {
	interval := saveInterval
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(interval):
		}
		began := time.Now()
		if err := j.save(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		interval = pause(began)
	}
}

// pause returns the time until the state may be stored again.
func pause(began time.Time) time.Duration { return max(saveInterval, saveShare*time.Since(began)) }

// remove removes the stored state.
func (j *journal) remove(ctx context.Context) error {
	j.saving.Lock()
	defer j.saving.Unlock()
	if err := j.output.RemoveDocument(ctx, stateName); err != nil {
		return fail(Local, "remove the state: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.removed = true
	return nil
}
