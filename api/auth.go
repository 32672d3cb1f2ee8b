package api

import (
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
		if wait := a.requests.take(client.ID); wait > 0 {
			return throttled("the client asks too often", wait)
		}
		return do(c, client)
	}
}

// authenticate finds out who asks. Without credentials that is nobody.
func (a *API) authenticate(c *gin.Context) (auth.Client, error) {
	ctx := c.Request.Context()
	if token, ok := bearer(c); ok && a.config.Tokens != nil {
		return a.attempt(c, "", func() (auth.Client, error) { return a.config.Tokens.Find(ctx, token) })
	}
	if id, secret, ok := c.Request.BasicAuth(); ok {
		return a.attempt(c, id, func() (auth.Client, error) { return a.config.Clients.Authenticate(ctx, id, secret) })
	}
	return auth.Client{}, unauthorized()
}

// attempt lets a client try to be let in, unless there were too many failures.
func (a *API) attempt(c *gin.Context, id string, try func() (auth.Client, error)) (auth.Client, error) {
	begun, wait := a.attempts.begin(id, c.ClientIP())
	if wait > 0 {
		return auth.Client{}, tooManyFailures(wait)
	}
	client, err := try()
	switch {
	case err == nil:
		begun.succeeded()
		return client, nil
	case errors.Is(err, auth.ErrBadCredentials):
		begun.failed()
		return auth.Client{}, unauthorized()
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

func tooManyFailures(wait time.Duration) *problem {
	return throttled("there were too many wrong credentials", wait)
}

// bearer returns the access token of a request. It is taken from the header
// alone: addresses end up in logs.
func bearer(c *gin.Context) (token string, ok bool) {
	scheme, token, found := strings.Cut(c.GetHeader("Authorization"), " ")
	return strings.TrimSpace(token), found && strings.EqualFold(scheme, "Bearer")
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
