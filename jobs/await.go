package jobs

import (
	"context"
	"errors"
	"time"
)

// minPoll and maxPoll bound the time between two looks at an export. In between it is a
// tenth of the time waited so far, so that an export of a few parts is not delayed and
// one of hours costs one query per second.
const (
	minPoll = 10 * time.Millisecond
	maxPoll = time.Second
)

// AwaitParts returns when all parts of the current generation are done. It survives an
// outage of the database for the time of a lease. It returns ErrStale if the export has
// ended or was taken over.
func (s *Store) AwaitParts(ctx context.Context, held Export) (Export, error) {
	answered := time.Now()
	for pause := minPoll; ; pause = min(pause+pause/10, maxPoll) {
		export, err := s.Get(ctx, held.ID)
		switch {
		case err == nil && (export.State != Running || export.attempt != held.attempt):
			return export, ErrStale
		case err == nil && export.AllPartsDone():
			return export, nil
		case err == nil:
			answered = time.Now()
		case errors.Is(err, ErrNotFound) || ctx.Err() != nil || time.Since(answered) > LeaseTime:
			return export, err
		}
		select {
		case <-ctx.Done():
			return export, ctx.Err()
		case <-time.After(pause):
		}
	}
}
