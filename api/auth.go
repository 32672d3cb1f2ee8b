package api

import (
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/audit"
	"github.com/seed-90096f4d/sluice/auth"
)

// authenticated returns a handler for authenticated clients, by HTTP Basic (RFC
// 7617) or access token (RFC 6750), within the client's rate limit.
func (a *API) authenticated(do endpoint.Handler) auditedHandler {
	return func(c *gin.Context, event *audit.Event) error {
		client, err := a.authenticate(c, event)
		if err != nil {
			return err
		}
		event.Client = client.ID
		if wait := a.requestRate.TakePerMinute(client.ID, client.Rates.Requests.Or(a.config.ClientRequests)); wait > 0 {
			return problem.Throttled("too many requests by this client", wait)
		}
		return a.revocable(&endpoint.Call{Context: c, Client: client, Event: event, Recorder: a.audit, BaseURL: a.baseURL(c)}, do)
	}
}

// authenticate returns the client of the request.
func (a *API) authenticate(c *gin.Context, event *audit.Event) (auth.Client, error) {
	if token, ok := bearer(c); ok && a.config.Tokens != nil {
		return a.findToken(c, token)
	}
	if id, secret, ok := basic(c); ok {
		return a.trySecret(c, event, id, secret)
	}
	return auth.Client{}, problem.Unauthorized()
}

// findToken finds the client of an access token. Wrong ones are not counted:
// nobody guesses 256 random bits, and tokens that have expired, of which a busy
// client may send a hundred, must keep neither it nor its neighbours out.
func (a *API) findToken(c *gin.Context, token string) (auth.Client, error) {
	client, err := a.config.Tokens.Find(c.Request.Context(), token)
	switch {
	case errors.Is(err, auth.ErrBadCredentials):
		return auth.Client{}, problem.Unauthorized()
	case err != nil:
		return auth.Client{}, problem.Unavailable(err)
	}
	return client, nil
}

// trySecret lets a client try its secret, unless there were too many failures.
func (a *API) trySecret(c *gin.Context, event *audit.Event, id, secret string) (auth.Client, error) {
	begun, wait := a.attempts.begin(id, c.ClientIP(), secret)
	if wait > 0 {
		return auth.Client{}, problem.Throttled("there were too many wrong credentials", wait)
	}
	client, err := a.config.Clients.Authenticate(c.Request.Context(), id, secret, begun.origin())
	switch {
	case err == nil:
		begun.succeeded()
		return client, nil
	case errors.Is(err, auth.ErrBadCredentials):
		begun.failed()
		event.Client = client.ID // only of a known client; another id may be a secret
		return auth.Client{}, problem.Unauthorized()
	case c.Request.Context().Err() != nil: // who goes away has made the server hash all the same
		begun.failed()
		return auth.Client{}, problem.Unavailable(err)
	}
	begun.undecided()
	if errors.Is(err, auth.ErrBusy) {
		return auth.Client{}, problem.Throttled("too many credentials are being checked", busyPause)
	}
	return auth.Client{}, problem.Unavailable(err)
}

// busyPause is when to come back if too many secrets are being checked: a
// hundred take some seconds.
const busyPause = 5 * time.Second

// basic returns the id and the secret of a request by HTTP Basic (RFC 7617).
func basic(c *gin.Context) (id, secret string, ok bool) {
	scheme, credentials := authorization(c)
	if scheme != "basic" {
		return "", "", false
	}
	decoded, err := base64.StdEncoding.DecodeString(credentials)
	if err != nil {
		return "", "", false
	}
	return strings.Cut(string(decoded), ":")
}

// bearer returns the access token of a request. It is taken from the header
// alone: addresses end up in logs.
func bearer(c *gin.Context) (token string, ok bool) {
	scheme, token := authorization(c)
	return token, scheme == "bearer" && token != ""
}

// authorization returns the scheme of the header Authorization, in lower case,
// and what follows after one space or more (RFC 9110, 11.4).
func authorization(c *gin.Context) (scheme, credentials string) {
	scheme, credentials, _ = strings.Cut(strings.TrimSpace(c.GetHeader("Authorization")), " ")
	return strings.ToLower(scheme), strings.TrimSpace(credentials)
}
