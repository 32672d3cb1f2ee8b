package fetchtest

import (
	"crypto/subtle"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// AuthMethod is how clients authenticate.
type AuthMethod string

// The methods.
const (
	NoAuth       AuthMethod = ""
	BasicAuth    AuthMethod = "basic"
	BearerAuth   AuthMethod = "bearer"
	SMARTAuth    AuthMethod = "smart"  // private_key_jwt at the token endpoint
	ClientSecret AuthMethod = "secret" // client_secret_basic at the token endpoint
)

// Auth configures how clients authenticate.
type Auth struct {
	Method AuthMethod
	// ClientID and Secret are of the client; Token is its bearer token.
	ClientID, Secret, Token string
	// Keys are the public keys of the client.
	Keys jose.JSONWebKeySet
	// TokenLifetime is expires_in of tokens and how long they are good. Default: 5 min.
	TokenLifetime time.Duration
	// Scopes are the scopes that a client may have, and scopes_supported. Default:
	// system/*.rs. A token request with others is refused with invalid_scope.
	Scopes []string
	// Discovery is where clients find the token endpoint.
	Discovery DiscoveryMethod
}

// token is an access token.
type token struct{ expires time.Time }

// RevokeTokens revokes all access tokens: requests with them are answered with 401.
func (s *Server) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// SetBearer replaces the valid bearer token.
func (s *Server) SetBearer(value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.options.Auth.Token = value
}

// authorized calls handler if the request is authorized, and answers 401 otherwise.
func (s *Server) authorized(handler http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.isAuthorized(r) {
			handler(w, r)
			return
		}
		challenge := "Bearer"
		if s.options.Auth.Method == BasicAuth {
			challenge = `Basic realm="fhir"`
		}
		w.Header().Set("WWW-Authenticate", challenge)
		Outcome(w, http.StatusUnauthorized, "authentication required")
	}
}

func (s *Server) isAuthorized(r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	auth := s.options.Auth
	bearer, isBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch auth.Method {
	case NoAuth:
		return true
	case BasicAuth:
		return isClient(r, auth)
	case BearerAuth:
		return isBearer && equal(bearer, auth.Token)
	}
	t, exists := s.tokens[bearer]
	return isBearer && exists && time.Now().Before(t.expires)
}

// isClient reports whether a request has the id and secret of the client in HTTP Basic.
func isClient(r *http.Request, auth Auth) bool {
	id, secret, ok := r.BasicAuth()
	return ok && equal(id, auth.ClientID) && equal(secret, auth.Secret)
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
