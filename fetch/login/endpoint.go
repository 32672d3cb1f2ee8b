package login

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/seed-90096f4d/sluice/fetch/quote"
)

const (
	// attemptTimeout limits one request of this package.
	attemptTimeout = 30 * time.Second

	maxTokenBytes = 1 << 20
)

// endpoint is a token endpoint (RFC 6749, 4.4).
type endpoint struct {
	client *http.Client // does not follow redirects: they would take secrets along
	url    string
	prove  proof

	repeat   repeater
	patience time.Duration // for tokens that are needed at once

	scope      string // set by the user, or empty
	types      []string
	permission permission
}

// request requests a token. It repeats failures that may pass for as long as patience
// says.
func (e *endpoint) request(ctx context.Context, patience time.Duration) (t token, err error) {
	err = e.repeat.run(ctx, patience, func(ctx context.Context) error {
		t, err = e.attempt(ctx)
		return err
	})
	return t, err
}

// attempt requests a token once, or twice if the server knows the other syntax of scopes
// only.
func (e *endpoint) attempt(ctx context.Context) (token, error) {
	if e.scope != "" {
		return e.post(ctx, e.scope)
	}
	t, err := e.post(ctx, defaultScope(e.types, e.permission))
	var refused *oauthError
	if e.permission == v1 || !errors.As(err, &refused) || refused.code != "invalid_scope" {
		return t, err
	}
	if old, oldErr := e.post(ctx, defaultScope(e.types, v1)); oldErr == nil {
		e.permission = v1
		return old, nil
	}
	return t, err
}

// post sends a token request.
func (e *endpoint) post(ctx context.Context, scope string) (token, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {scope}}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}}
	secrets, err := e.prove(e.url, form, header)
	if err != nil {
		return token{}, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, strings.NewReader(form.Encode()))
	if err != nil {
		return token{}, fmt.Errorf("token endpoint: %w", bare(err))
	}
	request.Header = header
	requested := time.Now()
	got, err := send(ctx, e.client, request, maxTokenBytes)
	if err != nil {
		return token{}, fmt.Errorf("token endpoint %s: %w", quote.URL(request.URL), err)
	}
	t, err := readToken(got, requested, secrets)
	if err != nil {
		return token{}, fmt.Errorf("token endpoint %s: %w", quote.URL(request.URL), err)
	}
	return t, nil
}

// tokenAnswer is the body of a response (RFC 6749, 5.1 and 5.2).
type tokenAnswer struct {
	AccessToken string      `json:"access_token"`
	TokenType   string      `json:"token_type"`
	ExpiresIn   json.Number `json:"expires_in"`
	Error       string      `json:"error"`
	Description string      `json:"error_description"`
}

// readToken returns the token of a response to a request that was sent at a time with
// secrets.
func readToken(got answer, requested time.Time, secrets []string) (token, error) {
	var said tokenAnswer
	err := json.Unmarshal(got.body, &said)
	switch {
	case got.status/100 == 3:
		return token{}, got.redirected()
	case got.status != http.StatusOK || said.Error != "":
		return token{}, newOAuthError(got, said, secrets)
	case err != nil:
		return token{}, errors.New("the response is not JSON")
	case said.AccessToken == "":
		return token{}, errors.New("the response has no access_token")
	case said.TokenType != "" && !strings.EqualFold(said.TokenType, "bearer"):
		return token{}, fmt.Errorf("the token_type must be bearer, got %q", quote.Line(said.TokenType, maxText))
	}
	seconds, _ := said.ExpiresIn.Float64() // without one, the lifetime is unknown
	return newToken(said.AccessToken, requested, lifetime(seconds)), nil
}

// lifetime returns seconds as a duration, which has a smaller range.
func lifetime(seconds float64) time.Duration {
	const longest = 365 * 24 * time.Hour
	if seconds >= longest.Seconds() {
		return longest
	}
	return time.Duration(seconds * float64(time.Second))
}
