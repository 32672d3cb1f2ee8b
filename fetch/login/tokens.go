package login

import (
	"context"
	"sync"
	"time"
)

const (
	// renewBefore is how long before its expiry a token is renewed. Tokens that live
	// shorter than twice as long are renewed after half of their life.
	renewBefore = time.Minute

	// renewPause is the wait after a renewal that failed while the token is still valid.
	renewPause = 10 * time.Second

	// giveUpWithin is how soon a token must be rejected that replaced a rejected one so
	// that no third one is requested.
	giveUpWithin = time.Minute
)

// token is an access token.
type token struct {
	value    string
	issued   time.Time
	renewAt  time.Time // zero: never
	expires  time.Time // zero: unknown
	replaces bool      // the token before was rejected
	rejected bool
}

// newToken returns a token that was requested at a time. A lifetime of 0 is unknown.
func newToken(value string, requested time.Time, lifetime time.Duration) token {
	t := token{value: value, issued: requested}
	if lifetime > 0 {
		t.expires = requested.Add(lifetime)
		t.renewAt = t.expires.Add(-min(renewBefore, lifetime/2))
	}
	return t
}

// usable reports whether requests can be sent with the token.
func (t token) usable(now time.Time) bool {
	return t.value != "" && !t.rejected && (t.expires.IsZero() || now.Before(t.expires))
}

// due reports whether the token should be renewed.
func (t token) due(now time.Time) bool {
	return !t.usable(now) || !t.renewAt.IsZero() && !now.Before(t.renewAt)
}

// tokens are the access tokens of a token endpoint, one after the other.
type tokens struct {
	// request asks the endpoint for a token, and repeats it for as long as patience says.
	request  func(ctx context.Context, patience time.Duration) (token, error)
	patience time.Duration

	turn chan struct{} // has an element while a token is requested

	mu      sync.Mutex
	current token
}

func newTokens(request func(context.Context, time.Duration) (token, error), patience time.Duration) *tokens {
	return &tokens{request: request, patience: patience, turn: make(chan struct{}, 1)}
}

// header returns the current token, and renews it when that is due. Only one caller at a
// time requests a token; the others use the one that is still valid, or wait.
func (t *tokens) header(ctx context.Context) (string, error) {
	current, now := t.get(), time.Now()
	if current.due(now) {
		if err := t.takeTurn(ctx, current.usable(now)); err != nil {
			return "", err
		}
		current, now = t.get(), time.Now()
	}
	if !current.usable(now) { // it expired during a renewal that failed
		if err := t.takeTurn(ctx, false); err != nil {
			return "", err
		}
		current = t.get()
	}
	return "Bearer " + current.value, nil
}

func (t *tokens) get() token {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.current
}

// takeTurn renews the token unless another caller has done so. If the current one is
// usable, it does not wait for other callers.
func (t *tokens) takeTurn(ctx context.Context, usable bool) error {
	if usable {
		select {
		case t.turn <- struct{}{}:
		default:
			return nil
		}
	} else {
		select {
		case t.turn <- struct{}{}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	defer func() { <-t.turn }()
	return t.renew(ctx)
}

// renew requests a token. If the current one was usable, a failure is no error: the next
// renewal follows after a pause, or when the token has expired.
func (t *tokens) renew(ctx context.Context) error {
	old, now := t.get(), time.Now()
	if !old.due(now) {
		return nil
	}
	usable := old.usable(now)
	var patience time.Duration
	if !usable {
		patience = t.patience
	}
	renewed, err := t.request(ctx, patience)
	if err != nil && !usable {
		return err
	}

	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.current.renewAt = time.Now().Add(renewPause)
		return nil
	}
	renewed.replaces = t.current.rejected
	t.current = renewed
	return nil
}

// rejected makes sure that the token is not used again.
func (t *tokens) rejected(header string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if header != "Bearer "+t.current.value {
		return true // it was replaced in the meantime
	}
	t.current.rejected = true
	return !t.current.replaces || time.Since(t.current.issued) > giveUpWithin
}
