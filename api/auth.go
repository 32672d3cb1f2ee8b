package api

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/auth"
)

// authenticated lets only clients through, by HTTP Basic (RFC 7617) or with an
// access token (RFC 6750).
func (a *API) authenticated(do func(*gin.Context, auth.Client) error) func(*gin.Context) error {
	return func(c *gin.Context) error {
		client, err := a.authenticate(c)
		if errors.Is(err, auth.ErrBadCredentials) {
			return unauthorized()
		}
		if err != nil {
			return unavailable(err)
		}
		c.Set(keyClient, client.ID)
		return do(c, client)
	}
}

// authenticate finds out who asks. Without credentials that is nobody.
func (a *API) authenticate(c *gin.Context) (auth.Client, error) {
	ctx := c.Request.Context()
	if token, ok := bearer(c); ok && a.config.Tokens != nil {
		return a.config.Tokens.Find(ctx, token)
	}
	if id, secret, ok := c.Request.BasicAuth(); ok {
		return a.config.Clients.Authenticate(ctx, id, secret)
	}
	return auth.Client{}, auth.ErrBadCredentials
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
