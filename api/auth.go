package api

import (
	"encoding/base64"
	"errors"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/audit"
	"github.com/seed-90096f4d/sluice/auth"
)

// authenticated wraps a handler that requires a client, authenticated by HTTP Basic
// (RFC 7617) or an access token (RFC 6750), and limits its rate of requests.
func (a *API) authenticated(do endpoint.Handler) auditedHandler {
	return func(c *gin.Context, event *audit.Event) error {
		client, err := a.authenticate(c, event)
		if err != nil {
			return err
		}
		event.Client = client.ID
		if wait := a.requestRate.TakePerMinute(client.ID, client.Rates.Requests.OrDefault(a.config.ClientRequests)); wait > 0 {
			return problem.Throttled(problem.ClientRequests, "too many requests by this client", wait)
		}
		return a.revocable(&endpoint.Call{Context: c, Client: client, Event: event, Recorder: a.audit, BaseURL: a.baseURL(c)}, do)
	}
}

// authenticate returns the client that sent the request.
func (a *API) authenticate(c *gin.Context, event *audit.Event) (auth.Client, error) {
	if token, ok := bearer(c); ok && a.config.Tokens != nil {
		return a.verifyToken(c, token)
	}
	if id, secret, ok := basic(c); ok {
		return a.verifySecret(c, event, id, secret)
	}
	return auth.Client{}, problem.Unauthorized()
}

// verifyToken returns the client of an access token. Wrong tokens do not count as
// failed logins: 256 random bits cannot be guessed, and a busy client may send a
// hundred requests with an expired token, which must not lock out the client or
// others at its address.
func (a *API) verifyToken(c *gin.Context, token string) (auth.Client, error) {
	client, err := a.config.Tokens.Find(c.Request.Context(), token)
	a.metrics.countLogin(bearerLogin, err)
	switch {
	case errors.Is(err, auth.ErrBadCredentials):
		return auth.Client{}, problem.Unauthorized()
	case err != nil:
		return auth.Client{}, problem.Unavailable(err)
	}
	return client, nil
}

// verifySecret returns the client of an id and a secret.
func (a *API) verifySecret(c *gin.Context, event *audit.Event, id, secret string) (auth.Client, error) {
	login := auth.Login{ID: id, Secret: secret, Address: c.ClientIP()}
	client, err := a.config.Clients.Authenticate(c.Request.Context(), login, a.logins)
	a.metrics.countLogin(basicLogin, err)
	var limited *auth.LimitError
	if err != nil {
		event.Client = client.ID // only if it exists: another id may be a secret in the wrong field
	}
	switch {
	case errors.Is(err, auth.ErrBadCredentials):
		return auth.Client{}, problem.Unauthorized()
	case errors.As(err, &limited):
		return auth.Client{}, loginLimited(limited)
	case err != nil:
		return auth.Client{}, problem.Unavailable(err)
	}
	return client, nil
}

// loginLimited returns the problem of a login that was not verified.
func loginLimited(limited *auth.LimitError) *problem.Problem {
	reason := problem.FailedLogins
	if limited.Busy {
		reason = problem.HashQueue
	}
	return problem.Throttled(reason, limited.Text, limited.RetryAfter)
}

// basic returns the client id and secret of HTTP Basic (RFC 7617).
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

// bearer returns the access token of a request. Only the header is read: URLs end
// up in logs.
func bearer(c *gin.Context) (token string, ok bool) {
	scheme, token := authorization(c)
	return token, scheme == "bearer" && token != ""
}

// authorization returns the scheme of the header Authorization in lower case, and
// the credentials after one or more spaces (RFC 9110, 11.4).
func authorization(c *gin.Context) (scheme, credentials string) {
	scheme, credentials, _ = strings.Cut(strings.TrimSpace(c.GetHeader("Authorization")), " ")
	return strings.ToLower(scheme), strings.TrimSpace(credentials)
}
