package fetchtest

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// tokenURL is the address of the token endpoint.
func (s *Server) tokenURL() string { return s.api.URL + "/auth/token" }

// token answers token requests.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	auth := s.options.Auth
	w.Header().Set("Cache-Control", "no-store")
	if err := r.ParseForm(); err != nil || r.PostForm.Get("grant_type") != "client_credentials" {
		tokenError(w, http.StatusBadRequest, "unsupported_grant_type", "grant_type must be client_credentials")
		return
	}
	if err := s.authenticate(r); err != nil {
		w.Header().Set("WWW-Authenticate", "Basic")
		tokenError(w, http.StatusUnauthorized, "invalid_client", err.Error())
		return
	}
	allowed := auth.scopes()
	for _, scope := range strings.Fields(r.PostForm.Get("scope")) {
		if !slices.ContainsFunc(allowed, func(pattern string) bool { return covers(pattern, scope) }) {
			tokenError(w, http.StatusBadRequest, "invalid_scope", fmt.Sprintf("scope %q is not among %v", scope, allowed))
			return
		}
	}
	lifetime := firstNonZero(auth.TokenLifetime, 5*time.Minute)
	value := rand.Text()
	s.mu.Lock()
	s.tokens[value] = token{expires: time.Now().Add(lifetime)}
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"access_token": value, "token_type": "bearer",
		"expires_in": int(lifetime / time.Second), "scope": r.PostForm.Get("scope"),
	})
}

// scopes returns the scopes a client may have.
func (a Auth) scopes() []string {
	if len(a.Scopes) == 0 {
		return []string{"system/*.rs"}
	}
	return a.Scopes
}

// covers reports whether a scope is the pattern, or matches it with a resource type for
// the *.
func covers(pattern, scope string) bool {
	context, permission, wild := strings.Cut(pattern, "*")
	return scope == pattern || wild && strings.HasPrefix(scope, context) && strings.HasSuffix(scope, permission)
}

// authenticate checks the credentials of a token request.
func (s *Server) authenticate(r *http.Request) error {
	if s.options.Auth.Method == ClientSecret {
		if !isClient(r, s.options.Auth) {
			return errors.New("id and secret of the client are wrong or missing")
		}
		return nil
	}
	if r.PostForm.Get("client_assertion_type") != assertionType {
		return fmt.Errorf("client_assertion_type must be %s", assertionType)
	}
	return s.checkAssertion(r.PostForm.Get("client_assertion"))
}

// checkAssertion checks an assertion of SMART Backend Services.
func (s *Server) checkAssertion(assertion string) error {
	parsed, err := jwt.ParseSigned(assertion, []jose.SignatureAlgorithm{jose.RS384, jose.ES384})
	if err != nil {
		return fmt.Errorf("parse assertion: %w", err)
	}
	header := parsed.Headers[0]
	keys := s.options.Auth.Keys.Key(header.KeyID)
	if header.KeyID == "" || len(keys) == 0 {
		return fmt.Errorf("no key has the id %q", header.KeyID)
	}
	if typ := header.ExtraHeaders["typ"]; typ != "JWT" {
		return fmt.Errorf("typ must be JWT, got %v", typ)
	}
	var claims jwt.Claims
	if err := parsed.Claims(keys[0].Key, &claims); err != nil {
		return fmt.Errorf("check signature: %w", err)
	}
	client := s.options.Auth.ClientID
	now := time.Now()
	if claims.Subject != client || claims.Expiry == nil || claims.Expiry.Time().After(now.Add(5*time.Minute+5*time.Second)) || claims.ID == "" {
		return errors.New("sub, exp and jti must be the client, at most 5 minutes from now, and not empty")
	}
	if err := claims.ValidateWithLeeway(jwt.Expected{Issuer: client, AnyAudience: jwt.Audience{s.tokenURL()}, Time: now}, 0); err != nil {
		return fmt.Errorf("validate claims: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used[claims.ID] {
		return errors.New("the jti was used before")
	}
	s.used[claims.ID] = true
	return nil
}

// tokenError answers with an error of OAuth 2.0.
func tokenError(w http.ResponseWriter, status int, code, description string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": description})
}
