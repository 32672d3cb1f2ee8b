package auth

import (
	"errors"
	"time"
)

var (
	// ErrBadCredentials is returned for a client id and secret that do not belong
	// together, including an id that does not exist, and for an access token that
	// is unknown or has expired.
	ErrBadCredentials = errors.New("wrong client id or secret")

	// ErrClientExists is returned when the id of a new client is taken.
	ErrClientExists = errors.New("a client with this id already exists")

	// ErrNoClient is returned when no client has the id.
	ErrNoClient = errors.New("no client with this id")

	// ErrInvalidClient is returned for an id, secret, keys or scopes that a client
	// cannot have; the text says why.
	ErrInvalidClient = errors.New("invalid client")

	// ErrInvalidScope is returned for a scope that Sluice does not support.
	ErrInvalidScope = errors.New("invalid scope")
)

// LimitError is returned for a login that was not verified: too many logins have
// failed, or too many are being verified.
type LimitError struct {
	Text       string
	RetryAfter time.Duration

	// Busy reports whether too many are being verified, not too many have failed.
	Busy bool
}

func (e *LimitError) Error() string { return e.Text }
