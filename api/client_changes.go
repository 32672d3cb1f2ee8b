package api

import (
	"context"
	"time"
)

// storeChangesInterval is how often changes of clients are looked for.
const storeChangesInterval = time.Minute

// storeClientChanges periodically stores the changes of clients as audit events; it
// runs once more when ctx ends.
func (a *API) storeClientChanges(ctx context.Context) {
	tick := time.NewTicker(storeChangesInterval)
	defer tick.Stop()
	for ended := false; !ended; {
		select {
		case <-ctx.Done():
			ended = true
		case <-tick.C:
		}
		if err := a.trail.storeChanges(context.WithoutCancel(ctx), a.config.Clients); err != nil {
			a.config.Logger.ErrorContext(ctx, "could not store changes of clients as audit events", "error", err)
		}
	}
}
