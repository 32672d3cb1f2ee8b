package api

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/auth/smart"
)

// issuesTokens reports whether clients can get access tokens here. An assertion has
// this server as its audience; a server that took its own name from the Host header
// would accept assertions for other servers.
func (a *API) issuesTokens() bool { return a.config.Tokens != nil && a.config.BaseURL != "" }

// tokenURL returns the URL of the token endpoint, the audience of assertions.
func (a *API) tokenURL() string { return a.config.BaseURL + "/auth/token" }

// smartConfiguration answers GET [base]/.well-known/smart-configuration (SMART
// App Launch 2.2, "Conformance").
func (a *API) smartConfiguration(c *gin.Context) error {
	endpoint.WriteJSON(c, http.StatusOK, "application/json", gin.H{
		"token_endpoint":                                   a.tokenURL(),
		"grant_types_supported":                            []string{grantClientCredentials},
		"token_endpoint_auth_methods_supported":            []string{"private_key_jwt", "client_secret_basic"},
		"token_endpoint_auth_signing_alg_values_supported": smart.Algorithms,
		"scopes_supported":                                 []string{"system/*.rs", "system/*.read", "system/ViewDefinition.cruds"}, // those of single types, too
		"capabilities":                                     []string{"client-confidential-asymmetric", "client-confidential-symmetric", "permission-v1", "permission-v2"},
	})
	return nil
}

const basicChallenge = `Basic realm="sluice", charset="UTF-8"`

// challenge sets WWW-Authenticate to the supported schemes (RFC 9110, 11.6.1).
func (a *API) challenge(c *gin.Context) {
	c.Header("WWW-Authenticate", basicChallenge)
	if a.config.Tokens == nil {
		return
	}
	bearerChallenge := `Bearer realm="sluice"`
	if _, sent := bearer(c); sent {
		bearerChallenge += `, error="invalid_token"`
	}
	c.Writer.Header().Add("WWW-Authenticate", bearerChallenge)
}
