package api

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/auth"
)

// authenticated wraps a handler that requires a client, authenticated by HTTP Basic
// (RFC 7617) or an access token (RFC 6750), and limits its rate of requests.
func (a *API) authenticated(do func(*gin.Context, auth.Client) error) func(*gin.Context) error {
	return func(c *gin.Context) error {
		client, err := a.authenticate(c)
		if err != nil {
			return err
		}
		c.Set(keyClient, client.ID)
		if wait := a.requestRate.TakePerMinute(client.ID, client.Rates.Requests.Or(a.config.ClientRequests)); wait > 0 {
			return throttled("too many requests of this client", wait)
		}
		return a.revocable(c, client, do)
	}
}

// authenticate returns the client that sent the request.
func (a *API) authenticate(c *gin.Context) (auth.Client, error) {
	if token, ok := bearer(c); ok && a.config.Tokens != nil {
		return a.verifyToken(c, token)
	}
	if id, secret, ok := basic(c); ok {
		return a.verifySecret(c, id, secret)
	}
	return auth.Client{}, unauthorized()
}

// verifyToken returns the client of an access token. Wrong tokens do not count as
// failed logins: nobody guesses 256 random bits, and a busy client may send a
// hundred requests with a token that has expired, which must not lock out the
// client or others at its address.
func (a *API) verifyToken(c *gin.Context, token string) (auth.Client, error) {
	client, err := a.config.Tokens.Find(c.Request.Context(), token)
	switch {
	case errors.Is(err, auth.ErrBadCredentials):
		return auth.Client{}, unauthorized()
	case err != nil:
		return auth.Client{}, unavailable(err)
	}
	return client, nil
}

// verifySecret returns the client of an id and a secret.
func (a *API) verifySecret(c *gin.Context, id, secret string) (auth.Client, error) {
	login := auth.Login{ID: id, Secret: secret, Address: c.ClientIP()}
	client, err := a.config.Clients.Authenticate(c.Request.Context(), login, a.logins)
	var limited *auth.LimitError
	switch {
	case errors.Is(err, auth.ErrBadCredentials):
		c.Set(keyClient, client.ID) // only if it exists: another id may be a secret in the wrong field
		return auth.Client{}, unauthorized()
	case errors.As(err, &limited):
		return auth.Client{}, throttled(limited.Text, limited.RetryAfter)
	case err != nil:
		return auth.Client{}, unavailable(err)
	}
	return client, nil
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

// allow returns an error unless the client's scopes cover the resource type.
func (a *API) allow(client auth.Client, parameter, resourceType string) error {
	if client.Scopes.AllowsType(resourceType, a.isStandard(resourceType)) {
		return nil
	}
	return forbidden(parameter, fmt.Sprintf("the client's scopes do not cover %s", resourceType))
}

// allowGroup returns an error if the client is restricted to Groups and this is
// none of them; "" stands for the data of all patients.
func allowGroup(client auth.Client, group string) error {
	switch {
	case client.Groups == nil || group != "" && client.AllowsGroup(group):
		return nil
	case group == "":
		return forbidden("", "the client is restricted to Groups; export one of them")
	}
	return forbidden("", "the client may not export this Group")
}
