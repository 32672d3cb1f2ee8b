package fetchtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"
)

// assert signs an assertion for a minute.
func assert(t *testing.T, s *Server, algorithm jose.SignatureAlgorithm, key crypto.PrivateKey, id string) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithType("JWT")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: string(algorithm)}}, options)
	require.NoError(t, err)
	text, err := jwt.Signed(signer).Claims(jwt.Claims{Issuer: "me", Subject: "me", Audience: jwt.Audience{s.tokenURL()},
		Expiry: jwt.NewNumericDate(time.Now().Add(time.Minute)), ID: id}).Serialize()
	require.NoError(t, err)
	return text
}

func tokenRequest(t *testing.T, s *Server, form url.Values) (status int, response map[string]any) {
	t.Helper()
	r, err := s.Client().Post(s.tokenURL(), "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
	require.NoError(t, err)
	defer func() { _ = r.Body.Close() }()
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(body, &response))
	return r.StatusCode, response
}

func TestTokensForAssertions(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	s := New(t, Options{Auth: Auth{Method: SMARTAuth, ClientID: "me", Keys: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: &rsaKey.PublicKey, KeyID: "RS384"}, {Key: &ecKey.PublicKey, KeyID: "ES384"},
	}}}})
	form := func(assertion string) url.Values {
		return url.Values{"grant_type": {"client_credentials"}, "scope": {"system/Patient.rs"},
			"client_assertion_type": {assertionType}, "client_assertion": {assertion}}
	}
	for _, assertion := range []string{assert(t, s, jose.RS384, rsaKey, "1"), assert(t, s, jose.ES384, ecKey, "2")} {
		status, response := tokenRequest(t, s, form(assertion))
		require.Equal(t, http.StatusOK, status, response)
		authorization := []string{"Authorization", "Bearer " + response["access_token"].(string)}
		_, statusURL := startExport(t, s, authorization...)
		s.RevokeTokens()
		require.Equal(t, http.StatusUnauthorized, send(t, s, http.MethodGet, statusURL, authorization...).StatusCode)
	}
	for reason, assertion := range map[string]string{
		"used before":     assert(t, s, jose.RS384, rsaKey, "1"),
		"check signature": assert(t, s, jose.ES384, other, "3"),
		"parse assertion": "x.y.z",
	} {
		status, response := tokenRequest(t, s, form(assertion))
		require.Equal(t, http.StatusUnauthorized, status)
		require.Contains(t, response["error_description"], reason)
	}
	v1 := form(assert(t, s, jose.ES384, ecKey, "4"))
	v1.Set("scope", "system/*.read")
	status, response := tokenRequest(t, s, v1)
	require.Equal(t, http.StatusBadRequest, status)
	require.Equal(t, "invalid_scope", response["error"])
}

func TestTokensExpire(t *testing.T) {
	s := New(t, Options{Auth: Auth{Method: ClientSecret, ClientID: "me", Secret: "s", TokenLifetime: time.Nanosecond}})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.tokenURL(), strings.NewReader("grant_type=client_credentials"))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("me", "s")
	response, err := s.Client().Do(r)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	require.Equal(t, http.StatusOK, response.StatusCode)
	var granted struct {
		AccessToken string `json:"access_token"`
	}
	require.NoError(t, json.NewDecoder(response.Body).Decode(&granted))
	require.Equal(t, http.StatusUnauthorized, send(t, s, http.MethodGet, s.BaseURL+"/$export", "Authorization", "Bearer "+granted.AccessToken).StatusCode)
}

func TestDiscovery(t *testing.T) {
	well := "/.well-known/smart-configuration"
	secret := Auth{Method: ClientSecret, ClientID: "me", Secret: "s"}
	s := New(t, Options{Auth: secret})
	require.Contains(t, send(t, s, http.MethodGet, s.BaseURL+well).body, s.tokenURL())
	require.NotContains(t, send(t, s, http.MethodGet, s.BaseURL+"/metadata").body, s.tokenURL())

	secret.Discovery = CapabilityStatement
	s = New(t, Options{Auth: secret})
	require.Equal(t, http.StatusNotFound, send(t, s, http.MethodGet, s.BaseURL+well).StatusCode)
	require.Contains(t, send(t, s, http.MethodGet, s.BaseURL+"/metadata").body, s.tokenURL())
}
