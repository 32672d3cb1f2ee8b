// Package login authenticates a client at servers of FHIR Bulk Data Access: HTTP Basic,
// a bearer token, SMART Backend Services, or a client secret at a token endpoint. It must
// not know what is requested.
//
// Secrets are read when they are needed and are part of no error, log line or state.
package login

import (
	"context"
	"errors"
	"net/http"
	"net/url"
)

// Method is a way to authenticate.
type Method string

// The methods.
const (
	Auto   Method = ""       // by what is given in Options
	None   Method = "none"   // no authentication
	Basic  Method = "basic"  // HTTP Basic with ClientID and Secret
	Bearer Method = "bearer" // Token in each request
	SMART  Method = "smart"  // SMART Backend Services: a signed assertion for a token
	Secret Method = "secret" // client_credentials with ClientID and Secret (client_secret_basic)
)

// Options are the credentials.
type Options struct {
	Method   Method
	ClientID string
	// Secret returns the client's secret, Token the bearer token. They are called when the
	// value is needed, and again when it may have changed.
	Secret, Token func() (string, error)
	// KeyFile is a private key for SMART: a JWK Set, a JWK, or PEM (PKCS#1, PKCS#8, SEC1).
	KeyFile string
	// KeyID selects a key of the set, and is the kid of assertions. Empty: the only
	// suitable key, and its own kid.
	KeyID string
	// TokenURL is the token endpoint. Empty: discovered.
	TokenURL string
	// Scope is the scope of tokens. Empty: system/<Type>.rs of Types or system/*.rs, in
	// the syntax that the server knows (v1: .read).
	Scope string
	// Types are the resource types that are requested.
	Types []string
}

// ErrRefused is the error if the server refuses the credentials.
var ErrRefused = errors.New("the server refuses the login")

// Login authorizes requests. It renews access tokens before they expire, and is safe for
// concurrent use.
type Login struct{}

// New returns the login for a server. It discovers the token endpoint if the method needs
// one and none is set. The client is used for requests to the token endpoint.
func New(_ context.Context, _ *http.Client, _ *url.URL, _ Options) (*Login, error) {
	return nil, errors.New("not implemented")
}

// Authorize sets the Authorization header of a request.
func (l *Login) Authorize(_ context.Context, _ *http.Request) error {
	return errors.New("not implemented")
}

// Rejected is called after a response 401. It reports whether the request can be repeated
// with other credentials: once for each token.
func (l *Login) Rejected(_ *http.Request) bool { return false }
