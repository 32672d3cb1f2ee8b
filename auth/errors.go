package auth

import "errors"

var (
	// ErrBadCredentials says that a client id and secret do not go together.
	// It is the same for an id that does not exist.
	ErrBadCredentials = errors.New("wrong client id or secret")

	// ErrClientExists says that the id is taken.
	ErrClientExists = errors.New("there is already a client of this id")

	// ErrNoClient says that there is no client of this id.
	ErrNoClient = errors.New("there is no client of this id")

	// ErrInvalidClient says that a client can't be made with this id, secret
	// or set of scopes; the text says why.
	ErrInvalidClient = errors.New("invalid client")

	// ErrInvalidScope says that a scope is not one Sluice understands.
	ErrInvalidScope = errors.New("invalid scope")
)
