package api

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/auth/smart"
	"github.com/seed-90096f4d/sluice/limit"
)

// tokenEndpoint issues access tokens and describes how to get them.
type tokenEndpoint struct {
	tokens  *smart.Tokens       // nil if there are none
	baseURL string              // public URL of the server, or empty
	logins  *limit.LoginLimiter // failed ones
	types   endpoint.ResourceTypes
}

// enabled reports whether clients can get access tokens here. An assertion has this
// server as its audience; a server that took its own name from the Host header would
// accept assertions for other servers.
func (e *tokenEndpoint) enabled() bool { return e.tokens != nil && e.baseURL != "" }

// url returns the URL of the token endpoint, the audience of assertions.
func (e *tokenEndpoint) url() string { return e.baseURL + "/auth/token" }

// scopesSupported are examples for discovery; scopes of single types are supported
// too.
var scopesSupported = []string{"system/*.rs", "system/*.read"}

// configuration answers GET [base]/.well-known/smart-configuration (SMART
// App Launch 2.2, "Conformance").
func (e *tokenEndpoint) configuration(c *gin.Context) error {
	endpoint.WriteJSON(c, http.StatusOK, "application/json", gin.H{
		"token_endpoint":                                   e.url(),
		"grant_types_supported":                            []string{grantClientCredentials},
		"token_endpoint_auth_methods_supported":            []string{"private_key_jwt"},
		"token_endpoint_auth_signing_alg_values_supported": smart.Algorithms,
		"scopes_supported":                                 scopesSupported,
		"capabilities":                                     []string{"client-confidential-asymmetric", "permission-v1", "permission-v2"},
	})
	return nil
}

// challenge sets WWW-Authenticate to the supported schemes (RFC 9110, 11.6.1).
func (e *tokenEndpoint) challenge(c *gin.Context) {
	c.Header("WWW-Authenticate", `Basic realm="sluice", charset="UTF-8"`)
	if e.tokens == nil {
		return
	}
	bearerChallenge := `Bearer realm="sluice"`
	if _, sent := bearer(c); sent {
		bearerChallenge += `, error="invalid_token"`
	}
	c.Writer.Header().Add("WWW-Authenticate", bearerChallenge)
}

// oauthExtension has the token endpoint for clients of SMART App Launch 1
// ("Conformance", "Using CapabilityStatement").
type oauthExtension struct {
	URL       string           `json:"url"`
	ValueURI  string           `json:"valueUri,omitempty"`
	Extension []oauthExtension `json:"extension,omitempty"`
}

// securityConcept is an authentication scheme in a CapabilityStatement.
type securityConcept struct {
	Coding []coding `json:"coding"`
}

type coding struct {
	System string `json:"system"`
	Code   string `json:"code"`
}

// oauthAddresses returns the token endpoint, if there is one.
func (e *tokenEndpoint) oauthAddresses() []oauthExtension {
	if !e.enabled() {
		return nil
	}
	return []oauthExtension{{
		URL:       "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
		Extension: []oauthExtension{{URL: "token", ValueURI: e.url()}},
	}}
}

// securityServices returns the supported authentication schemes.
func (e *tokenEndpoint) securityServices() []securityConcept {
	const system = "http://terminology.hl7.org/CodeSystem/restful-security-service"
	services := []securityConcept{{[]coding{{System: system, Code: "Basic"}}}}
	if e.enabled() {
		services = append(services, securityConcept{[]coding{{System: system, Code: "SMART-on-FHIR"}}})
	}
	return services
}
