package api

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
)

// health answers GET /health: the process is alive.
func (a *API) health(c *gin.Context) error {
	a.writeJSON(c, http.StatusOK, "application/json", gin.H{"status": "ok"})
	return nil
}

// readyTimeout bounds the checks of GET /ready.
const readyTimeout = 5 * time.Second

// readyLife is how long what was found is told again. Anyone may ask, and the
// checks cost the databases and the store more than asking does.
const readyLife = time.Second

// readiness is what was found last.
type readiness struct {
	mu    sync.Mutex
	at    time.Time
	found []error
}

// ready answers GET /ready: everything that requests need is there. Which part
// is missing is told, why only in the log.
func (a *API) ready(c *gin.Context) error {
	status, checks := http.StatusOK, gin.H{}
	for i, err := range a.lately(c.Request.Context()) {
		name := a.config.Ready[i].Name
		checks[name] = "ok"
		if err != nil {
			status, checks[name] = http.StatusServiceUnavailable, "failing"
			a.config.Logger.WarnContext(c.Request.Context(), "not ready", "check", name, "error", err)
		}
	}
	a.writeJSON(c, status, "application/json", gin.H{"ready": status == http.StatusOK, "checks": checks})
	return nil
}

// lately returns what all checks have found within the last second. Those who
// ask while they run wait for them.
func (a *API) lately(ctx context.Context) []error {
	r := &a.readiness
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at.IsZero() || time.Since(r.at) >= readyLife {
		r.found = a.check(context.WithoutCancel(ctx)) // others want to know, too
		r.at = time.Now()
	}
	return r.found
}

// check does all checks side by side, so that one that hangs does not take the
// time of the others, and returns what they found in their order.
func (a *API) check(ctx context.Context) []error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()

	found := make([]error, len(a.config.Ready))
	var running sync.WaitGroup
	for i, check := range a.config.Ready {
		running.Go(func() { found[i] = check.Do(ctx) })
	}
	running.Wait()
	return found
}
