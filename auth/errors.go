package auth

import "errors"

var (
	// ErrBadCredentials says that a client id and secret do not go together,
	// or that a token is none or no longer one. It is the same for an id that
	// does not exist.
	ErrBadCredentials = errors.New("wrong client id or secret")

	// ErrBusy says that too many secrets wait to be hashed.
	ErrBusy = errors.New("too many secrets are being checked")

	// ErrClientExists says that the id is taken.
	ErrClientExists = errors.New("there is already a client of this id")

	// ErrNoClient says that there is no client of this id.
	ErrNoClient = errors.New("there is no client of this id")

	// ErrInvalidClient says that a client can't be made with this id, secret,
	// keys or set of scopes; the text says why.
	ErrInvalidClient = errors.New("invalid client")

	// ErrInvalidScope says that a scope is not one Sluice understands.
	ErrInvalidScope = errors.New("invalid scope")
)

// The codes of a GrantError (RFC 6749, 5.2).
const (
	InvalidClient  = "invalid_client"
	InvalidRequest = "invalid_request"
	InvalidScope   = "invalid_scope"
)

// GrantError says why no access token is given.
type GrantError struct {
	// Code is one of OAuth's.
	Code string

	// Text is for who wrote the client. It tells nobody else which clients
	// there are.
	Text string

	// ClientID is the client that was named, if there is one of that id.
	ClientID string

	// Cause is for the operator's log; it may be nil.
	Cause error
}

func (e *GrantError) Error() string { return e.Text }
func (e *GrantError) Unwrap() error { return e.Cause }
