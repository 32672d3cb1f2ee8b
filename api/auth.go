package api

import (
	"errors"
	"fmt"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/auth"
)

// authenticated lets only clients through, by HTTP Basic (RFC 7617).
func (a *API) authenticated(do func(*gin.Context, auth.Client) error) func(*gin.Context) error {
	return func(c *gin.Context) error {
		id, secret, ok := c.Request.BasicAuth()
		if !ok {
			return unauthorized()
		}
		client, err := a.config.Clients.Authenticate(c.Request.Context(), id, secret)
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

// allow refuses a resource type that the client's scopes do not cover.
func (a *API) allow(client auth.Client, parameter, resourceType string) error {
	if client.Scopes.AllowsType(resourceType, a.isStandard(resourceType)) {
		return nil
	}
	return forbidden(parameter, fmt.Sprintf("the client's scopes do not cover %s", resourceType))
}
