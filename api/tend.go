package api

import (
	"context"
	"time"
)

// tendInterval is how often a process looks after what it shares with others
// by the state database.
const tendInterval = time.Minute

// tend exchanges where clients were let in from until ctx ends and once more then.
func (a *API) tend(ctx context.Context) {
	tick := time.NewTicker(tendInterval)
	defer tick.Stop()
	for ended := false; !ended; {
		select {
		case <-ctx.Done():
			ended = true
		case <-tick.C:
		}
		if err := a.attempts.places.exchange(context.WithoutCancel(ctx), a.config.Clients); err != nil {
			a.config.Logger.WarnContext(ctx, "the addresses of clients can't be exchanged with other processes", "error", err)
		}
	}
}
