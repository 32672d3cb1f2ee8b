// Package login authenticates a client at servers of FHIR Bulk Data Access: HTTP Basic,
// a bearer token, SMART Backend Services, or a client secret at a token endpoint. It must
// not know what is requested.
//
// Secrets are read when they are needed and are part of no error, log line or state.
package login

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/seed-90096f4d/sluice/fetch/retry"
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
	// Method is how to authenticate. Auto is SMART with KeyFile, Bearer with Token, Secret
	// with Secret and TokenURL, Basic with Secret only, and None without credentials.
	Method   Method
	ClientID string
	// Secret returns the client's secret, Token the bearer token. They are called for each
	// request that needs the value, so that a file that changes takes effect. One that
	// asks a person or reads a pipe must remember the answer.
	Secret, Token func() (string, error)
	// KeyFile is a private key for SMART: a JWK Set, a JWK, or PEM (PKCS#1, PKCS#8, SEC1).
	// It is read once, because it may be a pipe.
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
	// RetryFor is how long token requests and discovery are repeated after 429, 5xx and
	// errors of the network. Zero means 5 minutes.
	RetryFor time.Duration
	// Warn receives a sentence about each request that is repeated. It may be nil.
	Warn func(text string)
}

// ErrRefused is the error if the server refuses the credentials.
var ErrRefused = errors.New("the server refuses the login")

// Login authorizes requests. It renews access tokens before they expire, and is safe for
// concurrent use.
type Login struct{ credentials credentials }

// credentials are values of the header Authorization.
type credentials interface {
	// header returns the value for a request.
	header(ctx context.Context) (string, error)
	// rejected is called with a value that the server has rejected. It reports whether
	// header may return a different one.
	rejected(header string) bool
}

// New returns the login for a server. It discovers the token endpoint if the method needs
// one and TokenURL is empty. The client is used for requests to the token endpoint. An error is
// marked by retry.Permanent unless it may pass.
func New(ctx context.Context, client *http.Client, base *url.URL, o Options) (*Login, error) {
	credentials, err := newCredentials(ctx, client, base, o)
	if err != nil {
		return nil, mark(err)
	}
	return &Login{credentials}, nil
}

// mark marks an error as permanent unless it may pass.
func mark(err error) error {
	var transient *transientError
	if errors.As(err, &transient) {
		return err
	}
	return retry.Permanent(err)
}

func newCredentials(ctx context.Context, client *http.Client, base *url.URL, o Options) (credentials, error) {
	method, err := o.method()
	if err != nil {
		return nil, err
	}
	if err := o.check(method); err != nil {
		return nil, err
	}
	switch method {
	case None:
		return nil, nil
	case Basic:
		return basicCredentials(o.ClientID, o.Secret), nil
	case Bearer:
		return bearerCredentials(o.Token), nil
	}
	prove, err := o.proof(method)
	if err != nil {
		return nil, err
	}
	e, err := findEndpoint(ctx, client, base, o, prove)
	if err != nil {
		return nil, err
	}
	return newTokens(e.request, e.patience), nil
}

// Authorize sets the Authorization header of a request. An error is marked by
// retry.Permanent unless it may pass.
func (l *Login) Authorize(ctx context.Context, r *http.Request) error {
	if l.credentials == nil {
		return nil
	}
	header, err := l.credentials.header(ctx)
	if err != nil {
		return mark(err)
	}
	r.Header.Set("Authorization", header)
	return nil
}

// Rejected is called after a response 401. It reports whether the request can be repeated
// with other credentials: once for each token, and not if the token had replaced a
// rejected one within the last minute.
func (l *Login) Rejected(r *http.Request) bool {
	header := r.Header.Get("Authorization")
	return l.credentials != nil && header != "" && l.credentials.rejected(header)
}

// method returns the method that Auto stands for.
func (o Options) method() (Method, error) {
	if o.Method != Auto {
		return o.Method, nil
	}
	var given []Method
	if o.KeyFile != "" {
		given = append(given, SMART)
	}
	if o.Token != nil {
		given = append(given, Bearer)
	}
	switch {
	case o.Secret != nil && o.TokenURL != "":
		given = append(given, Secret)
	case o.Secret != nil:
		given = append(given, Basic)
	}
	switch len(given) {
	case 0:
		if o.ClientID != "" {
			return "", errors.New("a client id needs a secret (SLUICE_FETCH_SECRET, --secret-file) or a key (--key)")
		}
		return None, nil
	case 1:
		return given[0], nil
	}
	return "", fmt.Errorf("the credentials fit more than one method of authentication: %s; choose one (--auth)", list(given))
}

// check reports what a method lacks.
func (o Options) check(method Method) error {
	var missing string
	switch method {
	case None:
	case Basic, Secret:
		switch {
		case o.ClientID == "":
			missing = "a client id (--client-id, SLUICE_FETCH_CLIENT_ID)"
		case o.Secret == nil:
			missing = "a secret (--secret-file, SLUICE_FETCH_SECRET)"
		}
	case Bearer:
		if o.Token == nil {
			missing = "a token (--token-file, SLUICE_FETCH_TOKEN)"
		}
	case SMART:
		switch {
		case o.ClientID == "":
			missing = "a client id (--client-id, SLUICE_FETCH_CLIENT_ID)"
		case o.KeyFile == "":
			missing = "a private key (--key)"
		}
	default:
		return fmt.Errorf("the method of authentication must be none, basic, bearer, smart or secret, got %q", method)
	}
	if missing != "" {
		return fmt.Errorf("the method of authentication %s needs %s", method, missing)
	}
	return nil
}

// proof returns how the client authenticates at the token endpoint.
func (o Options) proof(method Method) (proof, error) {
	if method == Secret {
		return secretProof(o.ClientID, o.Secret), nil
	}
	key, err := readKey(o.KeyFile, o.KeyID)
	if err != nil {
		return nil, err
	}
	return assertionProof(o.ClientID, key), nil
}
