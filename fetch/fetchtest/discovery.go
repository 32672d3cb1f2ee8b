package fetchtest

import (
	"encoding/json"
	"net/http"
)

// DiscoveryMethod is where a server publishes its token endpoint.
type DiscoveryMethod int

// The methods.
const (
	SMARTConfiguration  DiscoveryMethod = iota // /.well-known/smart-configuration
	CapabilityStatement                        // the extension oauth-uris of /metadata
	NoDiscovery                                // not at all
)

// smartConfiguration answers with the configuration of SMART App Launch.
func (s *Server) smartConfiguration(w http.ResponseWriter, _ *http.Request) {
	auth := s.options.Auth
	if auth.Discovery != SMARTConfiguration || auth.Method != SMARTAuth && auth.Method != ClientSecret {
		Outcome(w, http.StatusNotFound, "there is no SMART configuration")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"token_endpoint":                                   s.tokenURL(),
		"token_endpoint_auth_methods_supported":            []string{"private_key_jwt", "client_secret_basic"},
		"token_endpoint_auth_signing_alg_values_supported": []string{"RS384", "ES384"},
		"scopes_supported":                                 auth.scopes(),
		"grant_types_supported":                            []string{"client_credentials"},
		"capabilities":                                     []string{"client-confidential-asymmetric"},
	})
}

// capabilityStatement answers with a CapabilityStatement.
func (s *Server) capabilityStatement(w http.ResponseWriter, _ *http.Request) {
	rest := map[string]any{"mode": "server", "operation": []any{
		map[string]any{"name": "export", "definition": "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export"}}}
	if s.options.Auth.Discovery == CapabilityStatement {
		rest["security"] = map[string]any{"extension": []any{map[string]any{
			"url":       "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
			"extension": []any{map[string]any{"url": "token", "valueUri": s.tokenURL()}},
		}}}
	}
	w.Header().Set("Content-Type", "application/fhir+json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"resourceType": "CapabilityStatement", "status": "active", "kind": "instance", "fhirVersion": "4.0.1",
		"format":   []string{"json"},
		"software": map[string]any{"name": "fetchtest", "version": "1.2.3"},
		"rest":     []any{rest},
	})
}
