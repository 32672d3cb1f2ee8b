package api

import (
	"context"
	"time"
)

// tendInterval is how often a process looks after what it shares with others
// by the state database.
const tendInterval = time.Minute

// tend exchanges where clients were let in from, and stores what was changed of
// clients, until ctx ends and once more then.
func (a *API) tend(ctx context.Context) {
	tick := time.NewTicker(tendInterval)
	defer tick.Stop()
	for ended := false; !ended; {
		select {
		case <-ctx.Done():
			ended = true
		case <-tick.C:
		}
		last := context.WithoutCancel(ctx)
		if err := a.attempts.places.exchange(last, a.config.Clients); err != nil {
			a.config.Logger.WarnContext(ctx, "the addresses of clients can't be exchanged with other processes", "error", err)
		}
		if err := a.trail.storeChanges(last, a.config.Clients); err != nil {
			a.config.Logger.ErrorContext(ctx, "changes of clients can't be stored as audit events yet", "error", err)
		}
	}
}
