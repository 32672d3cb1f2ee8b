package api

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/api/endpoint"
)

// servesTokens tells whether clients can get access tokens here. An assertion
// is meant for one address; an API that took its own from the Host header of
// each request would take assertions that were meant for others.
func (a *API) servesTokens() bool { return a.config.Tokens != nil && a.config.BaseURL != "" }

// tokenURL is the address of the token endpoint, which assertions are meant
// for.
func (a *API) tokenURL() string { return a.config.BaseURL + "/auth/token" }

// scopesSupported are those that every installation knows; those of one type
// are understood, too.
var scopesSupported = []string{"system/*.rs", "system/*.read"}

// smartConfiguration answers GET [base]/.well-known/smart-configuration (SMART
// App Launch 2.2, "Conformance").
func (a *API) smartConfiguration(c *gin.Context) error {
	endpoint.WriteJSON(c, http.StatusOK, "application/json", gin.H{
		"token_endpoint":                                   a.tokenURL(),
		"grant_types_supported":                            []string{grantClientCredentials},
		"token_endpoint_auth_methods_supported":            []string{"private_key_jwt"},
		"token_endpoint_auth_signing_alg_values_supported": a.config.Tokens.Algorithms(),
		"scopes_supported":                                 scopesSupported,
		"capabilities":                                     []string{"client-confidential-asymmetric", "permission-v1", "permission-v2"},
	})
	return nil
}

// challenge names the ways to say who one is (RFC 9110, 11.6.1).
func (a *API) challenge(c *gin.Context) {
	c.Header("WWW-Authenticate", `Basic realm="sluice", charset="UTF-8"`)
	if a.config.Tokens == nil {
		return
	}
	bearerChallenge := `Bearer realm="sluice"`
	if _, sent := bearer(c); sent {
		bearerChallenge += `, error="invalid_token"`
	}
	c.Writer.Header().Add("WWW-Authenticate", bearerChallenge)
}

// oauthExtension is where SMART App Launch 1 looks for the token endpoint
// ("Conformance", "Using CapabilityStatement").
type oauthExtension struct {
	URL       string           `json:"url"`
	ValueURI  string           `json:"valueUri,omitempty"`
	Extension []oauthExtension `json:"extension,omitempty"`
}

// securityConcept is a way to prove who one is, as FHIR names it.
type securityConcept struct {
	Coding []coding `json:"coding"`
}

type coding struct {
	System string `json:"system"`
	Code   string `json:"code"`
}

// oauthAddresses names the token endpoint, if there is one.
func (a *API) oauthAddresses() []oauthExtension {
	if !a.servesTokens() {
		return nil
	}
	return []oauthExtension{{
		URL:       "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
		Extension: []oauthExtension{{URL: "token", ValueURI: a.tokenURL()}},
	}}
}

// securityServices names the ways there are.
func (a *API) securityServices() []securityConcept {
	const system = "http://terminology.hl7.org/CodeSystem/restful-security-service"
	ways := []securityConcept{{[]coding{{System: system, Code: "Basic"}}}}
	if a.servesTokens() {
		ways = append(ways, securityConcept{[]coding{{System: system, Code: "SMART-on-FHIR"}}})
	}
	return ways
}
