package api_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
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

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/api/apitest"
	"github.com/seed-90096f4d/sluice/auth"
)

// baseURL is the public URL of the server of these tests, which is not the address
// that requests go to.
const (
	baseURL  = "https://sluice.example.org"
	tokenURL = baseURL + "/auth/token"
)

func withBase(config *api.Config) { config.BaseURL = baseURL }

// app is a client of SMART Backend Services.
type app struct {
	id  string
	key jose.JSONWebKey
}

// newApp registers a client with a new key.
func (b *testBundle) newApp(t *testing.T, id string, scopes ...string) app {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	key := jose.JSONWebKey{Key: private, KeyID: id + "-key", Algorithm: "ES384", Use: "sig"}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.Public()}})
	require.NoError(t, err)
	require.NoError(t, b.Clients.Register(t.Context(), auth.Registration{ID: id, Scopes: scopes, Keys: auth.Keys{JWKS: set}}))
	return app{id: id, key: key}
}

// assertion returns a valid assertion for the audience.
func (a app) assertion(t *testing.T, audience string) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES384, Key: a.key}, (&jose.SignerOptions{}).WithType("JWT"))
	require.NoError(t, err)
	text, err := jwt.Signed(signer).Claims(jwt.Claims{
		Issuer: a.id, Subject: a.id, Audience: jwt.Audience{audience}, ID: rand.Text(),
		Expiry: jwt.NewNumericDate(time.Now().Add(time.Minute)),
	}).Serialize()
	require.NoError(t, err)
	return text
}

// form returns a valid token request.
func (a app) form(t *testing.T, scopes string) url.Values {
	t.Helper()
	return url.Values{
		"grant_type":            {"client_credentials"},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {a.assertion(t, tokenURL)},
		"scope":                 {scopes},
	}
}

// postToken sends a token request.
func (b *testBundle) postToken(t *testing.T, form string, headers ...string) apitest.Answer {
	t.Helper()
	request := b.Request(t, http.MethodPost, "/auth/token", append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)...)
	request.Header.Del("Authorization")
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	request.Body, request.ContentLength = io.NopCloser(strings.NewReader(form)), int64(len(form))
	return b.Do(t, request)
}

// tokenAnswer is a response of the token endpoint.
type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"`
	Scope       string `json:"scope"`
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

func readToken(t *testing.T, got apitest.Answer) (said tokenAnswer) {
	t.Helper()
	require.Equal(t, "application/json", got.Header.Get("Content-Type"))
	require.Equal(t, "no-store", got.Header.Get("Cache-Control"))
	require.Equal(t, "no-cache", got.Header.Get("Pragma"))
	require.NoError(t, json.Unmarshal([]byte(got.Text), &said), got.Text)
	return said
}

// withToken sends a request with an access token.
func (b *testBundle) withToken(t *testing.T, method, target, token string) apitest.Answer {
	t.Helper()
	return b.Do(t, b.Request(t, method, target, "Authorization", "Bearer "+token))
}

// TestBackendServices follows SMART Backend Services from discovery to the data.
func TestBackendServices(t *testing.T) {
	t.Parallel()
	b := setup(t, withBase)
	b.Documented(t)
	app := b.newApp(t, "app", "system/*.rs")

	var configuration map[string]any
	for _, base := range []string{"", "/fhir"} {
		request := b.Request(t, http.MethodGet, base+"/.well-known/smart-configuration")
		request.Header.Del("Authorization")
		got := b.Do(t, request)
		require.Equal(t, http.StatusOK, got.StatusCode)
		require.Equal(t, "application/json", got.Header.Get("Content-Type"))
		require.NoError(t, json.Unmarshal([]byte(got.Text), &configuration))
		require.Equal(t, tokenURL, configuration["token_endpoint"])
		require.Equal(t, []any{"private_key_jwt", "client_secret_basic"}, configuration["token_endpoint_auth_methods_supported"])
		require.Equal(t, []any{"RS384", "ES384"}, configuration["token_endpoint_auth_signing_alg_values_supported"])
		require.Subset(t, configuration["capabilities"], []any{"client-confidential-asymmetric", "client-confidential-symmetric"})
	}

	statement := b.Get(t, "/fhir/metadata")
	require.Contains(t, statement.Text, `{"url":"token","valueUri":"`+tokenURL+`"}`)
	require.Contains(t, statement.Text, "SMART-on-FHIR")

	got := b.postToken(t, app.form(t, "system/Patient.rs system/Client.rs").Encode())
	require.Equal(t, http.StatusOK, got.StatusCode, got.Text)
	said := readToken(t, got)
	require.Equal(t, "bearer", said.TokenType)
	require.Equal(t, 300, said.ExpiresIn)
	require.Equal(t, "system/Patient.rs", said.Scope)

	require.Equal(t, apitest.AidboxLines["Patient"], b.withToken(t, http.MethodGet, "/Patient/$dump", said.AccessToken).Text)
	apitest.RequireRefusal(t, b.withToken(t, http.MethodGet, "/Appointment/$dump", said.AccessToken), http.StatusForbidden, "forbidden", "type")
	apitest.RequireRefusal(t, b.withToken(t, http.MethodGet, "/fhir/$export?_type=Appointment", said.AccessToken), http.StatusForbidden, "forbidden", "_type")

	kicked := b.withToken(t, http.MethodGet, "/fhir/$export", said.AccessToken)
	require.Equal(t, http.StatusAccepted, kicked.StatusCode)
	status := strings.TrimPrefix(kicked.Header.Get("Content-Location"), baseURL)
	require.Equal(t, http.StatusAccepted, b.withToken(t, http.MethodGet, status, said.AccessToken).StatusCode)
	apitest.RequireRefusal(t, b.Get(t, status), http.StatusNotFound, "not-found", "")
	again := readToken(t, b.postToken(t, app.form(t, "system/*.rs").Encode()))
	require.Equal(t, http.StatusAccepted, b.withToken(t, http.MethodDelete, status, again.AccessToken).StatusCode, "another token of the same client")
}

func TestTokenRequestsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t, withBase)
	app := b.newApp(t, "app", "system/*.rs")
	with := func(name string, values ...string) string {
		form := app.form(t, "system/*.rs")
		form[name] = values
		return form.Encode()
	}
	used := app.form(t, "system/*.rs").Encode()
	require.Equal(t, http.StatusOK, b.postToken(t, used).StatusCode)

	for name, c := range map[string]struct {
		form   string
		status int
		code   string
		header []string
	}{
		"Empty":         {"", 400, "invalid_request", nil},
		"NoGrant":       {with("grant_type"), 400, "invalid_request", nil},
		"OtherGrant":    {with("grant_type", "authorization_code"), 400, "unsupported_grant_type", nil},
		"Twice":         {with("scope", "system/*.rs", "system/*.rs"), 400, "invalid_request", nil},
		"NoAssertion":   {with("client_assertion"), 400, "invalid_request", nil},
		"NoClient":      {"grant_type=client_credentials&scope=system/*.rs", 401, "invalid_client", nil},
		"OtherType":     {with("client_assertion_type", "saml"), 400, "invalid_request", nil},
		"NoScope":       {with("scope"), 400, "invalid_scope", nil},
		"ForeignScope":  {with("scope", "patient/*.rs"), 400, "invalid_scope", nil},
		"OtherClient":   {with("client_id", "other"), 400, "invalid_request", nil},
		"Nonsense":      {with("client_assertion", "nonsense"), 401, "invalid_client", nil},
		"OtherAudience": {with("client_assertion", app.assertion(t, b.URL+"/auth/token")), 401, "invalid_client", nil},
		"Replayed":      {used, 401, "invalid_client", nil},
		"BadEscape":     {"grant_type=%zz", 400, "invalid_request", nil},
		"Huge":          {with("x", strings.Repeat("x", 20<<10)), 400, "invalid_request", nil},
		"JSON":          {`{"grant_type":"client_credentials"}`, 400, "invalid_request", []string{"Content-Type", "application/json"}},
		"Secret":        {with("client_secret", "x"), 401, "invalid_client", nil},
		"TwoWays":       {used, 400, "invalid_request", []string{"Authorization", "Basic eDp5"}},
	} {
		got := b.postToken(t, c.form, c.header...)
		require.Equal(t, c.status, got.StatusCode, name+got.Text)
		said := readToken(t, got)
		require.Equal(t, c.code, said.Error, name)
		require.NotEmpty(t, said.Description, name)
		require.Empty(t, said.AccessToken, name)
		if c.status == http.StatusUnauthorized {
			require.Equal(t, `Basic realm="sluice", charset="UTF-8"`, got.Header.Get("WWW-Authenticate"), name)
		}
	}

	// A request with another Host does not change the audience.
	evil := app.form(t, "system/*.rs")
	evil.Set("client_assertion", app.assertion(t, "https://evil.example.org/auth/token"))
	request := b.Request(t, http.MethodPost, "/auth/token", "Content-Type", "application/x-www-form-urlencoded")
	request.Header.Del("Authorization")
	request.Host = "evil.example.org"
	request.Body = io.NopCloser(strings.NewReader(evil.Encode()))
	require.Equal(t, "invalid_client", readToken(t, b.Do(t, request)).Error)

	apitest.RequireRefusal(t, b.Get(t, "/auth/token"), http.StatusMethodNotAllowed, "not-supported", "")
	b.DB.Close()
	got := b.postToken(t, app.form(t, "system/*.rs").Encode())
	require.Equal(t, http.StatusServiceUnavailable, got.StatusCode)
	require.Equal(t, "temporarily_unavailable", readToken(t, got).Error)
	require.Equal(t, "10", got.Header.Get("Retry-After"))
	require.NotContains(t, got.Text, "pool")
	require.Contains(t, b.requestLine(t, got.Header.Get("X-Request-Id")).Error, "closed pool", "the operator is told why")
}

// TestNoTokensWithoutBaseURL: without its own URL, a server cannot check the audience
// of assertions.
func TestNoTokensWithoutBaseURL(t *testing.T) {
	t.Parallel()
	b := setup(t)
	app := b.newApp(t, "app", "system/*.rs")
	apitest.RequireRefusal(t, b.postToken(t, app.form(t, "system/*.rs").Encode()), http.StatusNotFound, "not-found", "")
	apitest.RequireRefusal(t, b.Get(t, "/fhir/.well-known/smart-configuration"), http.StatusNotFound, "not-found", "")
	require.NotContains(t, b.Get(t, "/fhir/metadata").Text, "SMART-on-FHIR")
}

func TestBearerRefused(t *testing.T) {
	t.Parallel()
	b := setup(t, withBase)
	b.Documented(t)
	app := b.newApp(t, "app", "system/*.rs")
	token := readToken(t, b.postToken(t, app.form(t, "system/*.rs").Encode())).AccessToken

	ask := func(authorization string) apitest.Answer {
		return b.Get(t, "/Patient/$dump", "Authorization", authorization)
	}
	require.Equal(t, http.StatusOK, ask("bearer  "+token).StatusCode)
	for _, wrong := range []string{"Bearer", "Bearer x", "Bearer " + token[1:], "Bearer " + swap(token[:1]) + token[1:], "Bearer " + token + "\x80", "Token " + token, token} {
		got := ask(wrong)
		apitest.RequireRefusal(t, got, http.StatusUnauthorized, "login", "")
		if strings.HasPrefix(wrong, "Bearer ") {
			require.Equal(t, `Bearer realm="sluice", error="invalid_token"`, got.Header.Values("WWW-Authenticate")[1])
		}
	}
	apitest.RequireRefusal(t, b.Get(t, "/Patient/$dump?access_token="+token, "Authorization", "x"), http.StatusUnauthorized, "login", "")

	b.Exec(t, `UPDATE sluice.token SET expires_at = now()`)
	apitest.RequireRefusal(t, ask("Bearer "+token), http.StatusUnauthorized, "login", "")
	require.NotContains(t, b.Logs.String(), token)
}

// swap returns another letter.
func swap(letter string) string {
	if letter == "A" {
		return "B"
	}
	return "A"
}

// TestSlowAnswer: the time limit of a request body does not apply to the response.
func TestSlowAnswer(t *testing.T) {
	t.Parallel()
	const timeout = 2 * time.Second // even a busy machine reads the form within that
	b := setup(t, withBase, func(config *api.Config) { config.RequestTimeout = timeout })
	app := b.newApp(t, "app", "system/*.rs")
	form := app.form(t, "system/*.rs").Encode()
	release := b.Hold(t, `LOCK TABLE sluice.client IN ACCESS EXCLUSIVE MODE`)

	request := b.Request(t, http.MethodPost, "/auth/token", "Content-Type", "application/x-www-form-urlencoded")
	request.Header.Del("Authorization")
	request.Body = io.NopCloser(strings.NewReader(form))
	wait := b.Later(t, request)
	<-time.After(2 * timeout)
	release()
	got, err := wait()
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, got.StatusCode, got.Text)
}

// TestSlowBody: a body that is too slow ends the request.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	b := setup(t, withBase, func(config *api.Config) { config.RequestTimeout = time.Second }) // even a busy machine reads the header within that
	for _, target := range []string{"/auth/token", "/nowhere"} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			got := b.raw(t, "POST "+target+" HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\ngrant_type=")
			require.Contains(t, got, "HTTP/1.1 40")
			response, err := http.ReadResponse(bufio.NewReader(strings.NewReader(got)), nil)
			require.NoError(t, err)
			_, err = io.ReadAll(response.Body)
			require.NoError(t, err, "the response is complete")
			require.NoError(t, response.Body.Close())
		})
	}
}
