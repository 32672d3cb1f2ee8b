package api

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/auth"
)

// authenticated lets only clients through, by HTTP Basic (RFC 7617) or with an
// access token (RFC 6750), each as often as it may ask.
func (a *API) authenticated(do func(*gin.Context, auth.Client) error) func(*gin.Context) error {
	return func(c *gin.Context) error {
		client, err := a.authenticate(c)
		if err != nil {
			return err
		}
		c.Set(keyClient, client.ID)
		if wait := a.requestRate.TakePerMinute(client.ID, client.Rates.Requests.Or(a.config.ClientRequests)); wait > 0 {
			return throttled("the client asks too often", wait)
		}
		return a.revocable(c, client, do)
	}
}

// authenticate finds out who asks. Without credentials that is nobody.
func (a *API) authenticate(c *gin.Context) (auth.Client, error) {
	if token, ok := bearer(c); ok && a.config.Tokens != nil {
		return a.findToken(c, token)
	}
	if id, secret, ok := basic(c); ok {
		return a.trySecret(c, id, secret)
	}
	return auth.Client{}, unauthorized()
}

// findToken finds the client of an access token. Wrong ones are not counted:
// nobody guesses 256 random bits, and tokens that have expired, of which a busy
// client may send a hundred, must keep neither it nor its neighbours out.
func (a *API) findToken(c *gin.Context, token string) (auth.Client, error) {
	client, err := a.config.Tokens.Find(c.Request.Context(), token)
	switch {
	case errors.Is(err, auth.ErrBadCredentials):
		return auth.Client{}, unauthorized()
	case err != nil:
		return auth.Client{}, unavailable(err)
	}
	return client, nil
}

// trySecret lets a client try its secret, unless there were too many failures.
func (a *API) trySecret(c *gin.Context, id, secret string) (auth.Client, error) {
	begun, wait := a.attempts.begin(id, c.ClientIP(), secret)
	if wait > 0 {
		return auth.Client{}, throttled("there were too many wrong credentials", wait)
	}
	client, err := a.config.Clients.Authenticate(c.Request.Context(), id, secret, begun.origin())
	switch {
	case err == nil:
		begun.succeeded()
		return client, nil
	case errors.Is(err, auth.ErrBadCredentials):
		begun.failed()
		c.Set(keyClient, client.ID) // in whose name it was; what else was said may be a secret
		return auth.Client{}, unauthorized()
	case c.Request.Context().Err() != nil: // who goes away has made the server hash all the same
		begun.failed()
		return auth.Client{}, unavailable(err)
	}
	begun.undecided()
	if errors.Is(err, auth.ErrBusy) {
		return auth.Client{}, throttled("too many credentials are being checked", busyPause)
	}
	return auth.Client{}, unavailable(err)
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

// allow refuses a resource type that the client's scopes do not cover.
func (a *API) allow(client auth.Client, parameter, resourceType string) error {
	if client.Scopes.AllowsType(resourceType, a.isStandard(resourceType)) {
		return nil
	}
	return forbidden(parameter, fmt.Sprintf("the client's scopes do not cover %s", resourceType))
}

// allowGroup refuses a client that may take the data of some Groups' members
// alone, unless one of them is meant; "" is everybody.
func allowGroup(client auth.Client, group string) error {
	switch {
	case client.Groups == nil || group != "" && client.AllowsGroup(group):
		return nil
	case group == "":
		return forbidden("", "the client may take the data of some Groups alone, by an export of the Group")
	}
	return forbidden("", "the client may not take the data of this Group")
}
