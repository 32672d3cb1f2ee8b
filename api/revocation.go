package api

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/auth"
)

// revocationInterval is how often the clients of running requests are checked.
const revocationInterval = 2 * time.Second

// running is an authenticated request that is being answered.
type running struct {
	call   *endpoint.Call
	since  time.Time
	cancel context.CancelCauseFunc

	mu       sync.Mutex
	returned bool // the handler has returned
}

// end ends the request, and writing to its client, unless its handler has
// returned.
func (r *running) end(cause error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.returned {
		r.cancel(cause)
		endpoint.ExpireWrites(r.call.Writer)
	}
}

// finish makes end do nothing from now on.
func (r *running) finish() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.returned = true
}

// check returns why the request may not continue, or nil. known reports whether
// the client exists and has not expired.
func (r *running) check(client auth.Client, known bool) error {
	switch {
	case !known || !client.CreatedAt.Equal(r.call.Client.CreatedAt):
		return &endpoint.RevokedError{Reason: "the client was revoked or removed, or has expired"}
	case !r.call.Permits(client):
		return &endpoint.RevokedError{Reason: "the client has lost the permission for this request"}
	}
	return nil
}

// revocable runs the handler of an authenticated request. When the client loses its
// permission, the context of the request ends and writing to the client fails, so
// that a response that has begun is cut off.
func (a *API) revocable(call *endpoint.Call, do endpoint.Handler) error {
	ctx, cancel := context.WithCancelCause(call.Ctx()) // which ends with the response
	call.Request = call.Request.WithContext(ctx)
	r := &running{call: call, since: time.Now(), cancel: cancel}
	a.running.Store(r, nil)
	defer a.running.Delete(r)
	defer r.finish()
	err := do(call)
	r.finish()
	var cause *endpoint.RevokedError
	if errors.As(context.Cause(ctx), &cause) && !call.Writer.Written() {
		_ = http.NewResponseController(call.Writer).SetWriteDeadline(time.Time{})
		refused := problem.Unauthorized()
		refused.Cause = cause
		return refused
	}
	return err
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

// endRevoked ends the running requests whose clients have lost their permission.
func (a *API) endRevoked(ctx context.Context) error {
	var due []*running // authenticated long enough ago to be checked again
	var ids []string
	for key := range a.running.Range {
		if r, _ := key.(*running); time.Since(r.since) >= revocationInterval {
			due, ids = append(due, r), append(ids, r.call.Client.ID)
		}
	}
	if len(due) == 0 {
		return nil
	}
	clients, err := a.config.Clients.Valid(ctx, ids)
	if err != nil {
		return err
	}
	for _, r := range due {
		client, known := clients[r.call.Client.ID]
		if err := r.check(client, known); err != nil {
			r.end(err)
		}
	}
	return nil
}
