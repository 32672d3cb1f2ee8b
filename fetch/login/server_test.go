package login_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fetch/login"
)

const clientID = "client 1"

// server is a FHIR server with a token endpoint at /token.
type server struct {
	*httptest.Server

	// respond answers token requests that are well-formed. Nil issues a token.
	respond func(w http.ResponseWriter, r *http.Request)
	// documents are the bodies at other paths.
	documents map[string]string

	mu       sync.Mutex
	requests []*http.Request // to the token endpoint, with their forms parsed
}

func newServer(t *testing.T, start func(http.Handler) *httptest.Server) *server {
	t.Helper()
	s := &server{documents: map[string]string{}}
	s.Server = start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		document, found := s.documents[r.URL.Path]
		switch {
		case r.URL.Path == "/token" && r.Method == http.MethodPost:
			s.issue(w, r)
		case !found:
			http.NotFound(w, r)
		case strings.HasPrefix(document, "http"):
			http.Redirect(w, r, document, http.StatusFound)
		default:
			_, _ = w.Write([]byte(strings.ReplaceAll(document, "BASE", s.URL)))
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) issue(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	s.mu.Lock()
	s.requests = append(s.requests, r)
	s.mu.Unlock()
	if s.respond != nil {
		s.respond(w, r)
		return
	}
	issue(w, "token", 300)
}

func issue(w http.ResponseWriter, token string, expiresIn any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": expiresIn})
}

func refuse(w http.ResponseWriter, status int, code, description string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": code, "error_description": description})
}

// base returns the base URL.
func (s *server) base(t *testing.T) *url.URL {
	t.Helper()
	base, err := url.Parse(s.URL + "/fhir")
	require.NoError(t, err)
	return base
}

// login returns a login for the server.
func (s *server) login(t *testing.T, o login.Options) (*login.Login, error) {
	t.Helper()
	return login.New(t.Context(), s.Client(), s.base(t), o)
}

// sent returns the token requests so far.
func (s *server) sent() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*http.Request(nil), s.requests...)
}

// authorization returns the header of a request that is authorized.
func authorization(t *testing.T, l *login.Login) (string, error) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	err := l.Authorize(t.Context(), r)
	return r.Header.Get("Authorization"), err
}

// verify verifies the assertion of a token request as a server does (SMART App Launch
// 2.2), and returns its header and claims.
func verify(t *testing.T, r *http.Request, public any, tokenURL string) (jose.Header, jwt.Claims) {
	t.Helper()
	require.Equal(t, "application/x-www-form-urlencoded", r.Header.Get("Content-Type"))
	require.Equal(t, "client_credentials", r.PostForm.Get("grant_type"))
	require.Equal(t, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", r.PostForm.Get("client_assertion_type"))
	require.Empty(t, r.Header.Get("Authorization"))
	require.Empty(t, r.URL.RawQuery)
	token, err := jwt.ParseSigned(r.PostForm.Get("client_assertion"), []jose.SignatureAlgorithm{jose.RS384, jose.ES384})
	require.NoError(t, err)
	var claims jwt.Claims
	require.NoError(t, token.Claims(public, &claims))
	require.NoError(t, claims.ValidateWithLeeway(jwt.Expected{Issuer: clientID, Subject: clientID, AnyAudience: jwt.Audience{tokenURL}, Time: time.Now()}, 0))
	require.Len(t, claims.Audience, 1)
	require.NotEmpty(t, claims.ID)
	ttl := time.Until(claims.Expiry.Time())
	require.Greater(t, ttl, 2*time.Minute)
	require.LessOrEqual(t, ttl, 5*time.Minute)
	return token.Headers[0], claims
}

// text returns a secret.
func text(value string) func() (string, error) {
	return func() (string, error) { return value, nil }
}
