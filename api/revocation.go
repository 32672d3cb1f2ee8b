package api

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/auth"
)

// revocationInterval is how often the clients of running requests are checked.
const revocationInterval = 2 * time.Second

// revokedError is the cause with which a running request ends whose client may no
// longer make it.
type revokedError struct{ reason string }

func (e *revokedError) Error() string { return e.reason }

// running is an authenticated request that is being answered.
type running struct {
	client auth.Client
	since  time.Time
	cancel context.CancelCauseFunc

	mu     sync.Mutex
	permit func(auth.Client) error
	writer *http.ResponseController // nil once the handler has returned
}

// end ends the request, and writing to its client, unless its handler has
// returned.
func (r *running) end(cause error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.writer != nil {
		r.cancel(cause)
		_ = r.writer.SetWriteDeadline(pastDeadline)
	}
}

// leave keeps end from the request from now on.
func (r *running) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writer = nil
}

// check returns why the request may not go on, or nil. known tells whether the
// client exists and has not expired.
func (r *running) check(client auth.Client, known bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case !known || !client.CreatedAt.Equal(r.client.CreatedAt):
		return &revokedError{"the client was revoked or removed, or has expired"}
	case r.permit != nil && r.permit(client) != nil:
		return &revokedError{"the client may no longer take this"}
	}
	return nil
}

// runningRequests are the authenticated requests that are being answered.
type runningRequests struct {
	mu  sync.Mutex
	all map[*running]struct{}
}

func (rs *runningRequests) add(r *running) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.all[r] = struct{}{}
}

func (rs *runningRequests) remove(r *running) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	delete(rs.all, r)
}

// due returns the requests whose clients were authenticated long enough ago to be
// checked again, and the ids of those.
func (rs *runningRequests) due() (due []*running, ids []string) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for r := range rs.all {
		if time.Since(r.since) >= revocationInterval {
			due, ids = append(due, r), append(ids, r.client.ID)
		}
	}
	return due, ids
}

// revocable runs the handler of an authenticated request. When the client loses
// the right to it, the context of the request ends and writing to the client
// fails, so that an answer that has begun is cut.
func (a *API) revocable(c *gin.Context, client auth.Client, do func(*gin.Context, auth.Client) error) error {
	ctx, cancel := context.WithCancelCause(c.Request.Context()) // which ends with the answer
	c.Request = c.Request.WithContext(ctx)
	r := &running{client: client, since: time.Now(), cancel: cancel, writer: http.NewResponseController(c.Writer)}
	c.Set(keyRunning, r)
	a.running.add(r)
	defer a.running.remove(r)
	defer r.leave()
	err := do(c, client)
	r.leave()
	var cause *revokedError
	if errors.As(context.Cause(ctx), &cause) && !c.Writer.Written() {
		_ = http.NewResponseController(c.Writer).SetWriteDeadline(time.Time{})
		refused := unauthorized()
		refused.cause = cause
		return refused
	}
	return err
}

// permit sets the check that decides whether the request may go on when what its
// client may take changes. Without one, the client only has to exist.
func permit(c *gin.Context, check func(auth.Client) error) {
	if value, _ := c.Get(keyRunning); value != nil {
		r, _ := value.(*running)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.permit = check
	}
}

// watchRevocations ends the requests of clients that were revoked, until ctx ends.
func (a *API) watchRevocations(ctx context.Context) {
	tick := time.NewTicker(revocationInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := a.endRevoked(ctx); err != nil && ctx.Err() == nil {
			a.config.Logger.WarnContext(ctx, "could not check the clients of running requests", "error", err)
		}
	}
}

// endRevoked ends the running requests whose clients may no longer make them.
func (a *API) endRevoked(ctx context.Context) error {
	due, ids := a.running.due()
	if len(due) == 0 {
		return nil
	}
	clients, err := a.config.Clients.Valid(ctx, ids)
	if err != nil {
		return err
	}
	for _, r := range due {
		client, known := clients[r.client.ID]
		if err := r.check(client, known); err != nil {
			r.end(err)
		}
	}
	return nil
}
