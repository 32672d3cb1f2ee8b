package login_test

import (
	"crypto/elliptic"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fetch/login"
	"github.com/seed-90096f4d/sluice/fetch/retry"
)

func TestNone(t *testing.T) {
	t.Parallel()
	l, err := login.New(t.Context(), http.DefaultClient, &url.URL{}, login.Options{})
	require.NoError(t, err)
	got, err := authorization(t, l)
	require.NoError(t, err)
	require.Empty(t, got)
	require.False(t, l.Rejected(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)))
}

func TestOptionsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options login.Options
		err     string
	}{
		"IDOnly":      {login.Options{ClientID: "x"}, "a client id needs a secret (SLUICE_FETCH_SECRET, --secret-file) or a key (--key)"},
		"NoID":        {login.Options{Secret: text("x")}, "basic needs a client id"},
		"Several":     {login.Options{ClientID: "x", Secret: text("x"), Token: text("x"), KeyFile: "x"}, "more than one method of authentication: smart, bearer, basic; choose one"},
		"NoSecret":    {login.Options{Method: login.Secret, ClientID: "x"}, "secret needs a secret"},
		"NoToken":     {login.Options{Method: login.Bearer}, "bearer needs a token"},
		"NoKey":       {login.Options{Method: login.SMART, ClientID: "x"}, "smart needs a private key"},
		"SMARTNoID":   {login.Options{KeyFile: "x"}, "smart needs a client id"},
		"Unknown":     {login.Options{Method: "digest"}, `must be none, basic, bearer, smart or secret, got "digest"`},
		"NoFile":      {login.Options{ClientID: "x", KeyFile: "/nowhere/key.pem"}, "/nowhere/key.pem"},
		"PlainToken":  {login.Options{ClientID: "x", Secret: text("x"), TokenURL: "http://server.example.org/token?a=b"}, "must begin with https:// because the server's URL does, got http://server.example.org/token"},
		"NotAnURL":    {login.Options{ClientID: "x", Secret: text("x"), TokenURL: "/token"}, "the token URL must be a URL such as"},
		"OtherScheme": {login.Options{ClientID: "x", Secret: text("x"), TokenURL: "ftp://server/token"}, "the token URL must be a URL such as"},
	} {
		_, err := login.New(t.Context(), http.DefaultClient, &url.URL{Scheme: "https", Host: "server.example.org"}, c.options)
		require.ErrorContains(t, err, c.err, name)
		require.NotErrorIs(t, err, login.ErrRefused, name)
		require.False(t, retry.IsTransient(0, err), name)
	}
}

// TestCurrent: values of Basic and bearer are read for each request; a rejected request is
// repeated if its value has changed.
func TestCurrent(t *testing.T) {
	t.Parallel()
	value := "one:ü "
	read := func() (string, error) { return value, nil }
	for want, o := range map[string]login.Options{
		"Basic " + base64.StdEncoding.EncodeToString([]byte("x:one:ü ")): {ClientID: "x", Secret: read},
		"Bearer two": {Token: func() (string, error) { return "two\n", nil }},
	} {
		l, err := login.New(t.Context(), http.DefaultClient, &url.URL{}, o)
		require.NoError(t, err)
		got, err := authorization(t, l)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}

	value = "one"
	l, err := login.New(t.Context(), http.DefaultClient, &url.URL{}, login.Options{Token: read})
	require.NoError(t, err)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	require.False(t, l.Rejected(r), "it had no credentials")
	require.NoError(t, l.Authorize(t.Context(), r))
	require.False(t, l.Rejected(r))
	value = "two"
	require.True(t, l.Rejected(r))
	require.NoError(t, l.Authorize(t.Context(), r))
	require.Equal(t, "Bearer two", r.Header.Get("Authorization"))

	for _, wrong := range []string{"", " \n", "a b", "a\r\nX: y", "ü"} {
		value = wrong
		err := l.Authorize(t.Context(), r)
		require.ErrorContains(t, err, "the bearer token ")
		require.False(t, retry.IsTransient(0, err))
	}
	unreadable := errors.New("unreadable")
	l, err = login.New(t.Context(), http.DefaultClient, &url.URL{}, login.Options{Token: func() (string, error) { return "", unreadable }})
	require.NoError(t, err)
	_, err = authorization(t, l)
	require.ErrorIs(t, err, unreadable)
}

// TestSecret: id and secret are encoded as a form before they are encoded as in HTTP Basic.
func TestSecret(t *testing.T) {
	t.Parallel()
	s := newServer(t, httptest.NewServer)
	secret := "a:b %&+ü"
	l, err := s.login(t, login.Options{ClientID: clientID, Secret: text(secret), TokenURL: s.URL + "/token", Scope: "api"})
	require.NoError(t, err)
	got, err := authorization(t, l)
	require.NoError(t, err)
	require.Equal(t, "Bearer token", got)
	require.Len(t, s.sent(), 1)
	r := s.sent()[0]
	require.Equal(t, url.Values{"grant_type": {"client_credentials"}, "scope": {"api"}}, r.PostForm)
	require.Equal(t, "application/json", r.Header.Get("Accept"))
	id, password, ok := r.BasicAuth()
	require.True(t, ok)
	require.Equal(t, "client+1", id)
	require.Equal(t, "a%3Ab+%25%26%2B%C3%BC", password)
	decoded, err := url.QueryUnescape(password)
	require.NoError(t, err)
	require.Equal(t, secret, decoded)
}

const (
	smartConfiguration = "/fhir/.well-known/smart-configuration"
	metadata           = "/fhir/metadata"

	statement = `{"resourceType":"CapabilityStatement","rest":[{"mode":"server","security":{"extension":[
		{"url":"http://example.org","extension":[{"url":"token","valueUri":"BASE/wrong"}]},
		{"url":"http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris","extension":[
			{"url":"authorize","valueUri":"BASE/authorize"},{"url":"token","valueUri":"BASE/token"}]}]}}]}`
)

func TestDiscovery(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		documents map[string]string
		err       string
	}{
		"Configuration":   {map[string]string{smartConfiguration: `{"token_endpoint":"BASE/token"}`, metadata: `{}`}, ""},
		"Relative":        {map[string]string{smartConfiguration: `{"token_endpoint":"/token"}`}, ""},
		"Statement":       {map[string]string{metadata: statement}, ""},
		"NoTokenEndpoint": {map[string]string{smartConfiguration: `{}`, metadata: statement}, ""},
		"Page":            {map[string]string{smartConfiguration: `<html>`, metadata: statement}, ""},
		"Nothing":         {nil, "/fhir/.well-known/smart-configuration: HTTP status 404 Not Found; "},
		"NoExtension":     {map[string]string{metadata: `{"rest":[{}]}`}, "/fhir/metadata has no extension oauth-uris with a token endpoint; set the token URL"},
		"Insecure":        {map[string]string{smartConfiguration: `{"token_endpoint":"http://server/token"}`}, "must begin with https://"},
		"Downgrade":       {map[string]string{smartConfiguration: `http://127.0.0.1:1/x`}, "redirects from https to http"},
		"Loop":            {map[string]string{smartConfiguration: `https://BASE`}, "set the token URL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, httptest.NewTLSServer)
			for path, document := range c.documents {
				s.documents[path] = strings.ReplaceAll(document, "https://BASE", s.URL+path)
			}
			l, err := s.login(t, login.Options{Method: login.Secret, ClientID: clientID, Secret: text("secret")})
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			_, err = authorization(t, l)
			require.NoError(t, err)
			require.Len(t, s.sent(), 1)
		})
	}
}

// TestTokenURLWins: nothing is discovered if the token endpoint is set.
func TestTokenURLWins(t *testing.T) {
	t.Parallel()
	s := newServer(t, httptest.NewServer)
	s.documents[smartConfiguration] = `{"token_endpoint":"BASE/wrong"}`
	key := newJWK(t, "k", elliptic.P384())
	l, err := s.login(t, login.Options{ClientID: clientID, KeyFile: write(t, jwkSet(t, key)), TokenURL: s.URL + "/token"})
	require.NoError(t, err)
	_, err = authorization(t, l)
	require.NoError(t, err)
	verify(t, s.sent()[0], key.Public().Key, s.URL+"/token")
}

func TestScopes(t *testing.T) {
	t.Parallel()
	types := []string{"Patient", "Observation", "Patient"}
	for name, c := range map[string]struct {
		supported string
		options   login.Options
		known     string // by the token endpoint: v1, v2 or none
		want      []string
	}{
		"All":        {`[]`, login.Options{}, "v2", []string{"system/*.rs"}},
		"Types":      {`[]`, login.Options{Types: types}, "v2", []string{"system/Observation.rs system/Patient.rs"}},
		"Given":      {`["system/*.read"]`, login.Options{Types: types, Scope: "a b"}, "v2", []string{"a b"}},
		"V1":         {`["openid","launch/patient","system/*.read"]`, login.Options{Types: types}, "v1", []string{"system/Observation.read system/Patient.read"}},
		"V1Wildcard": {`["system/*.*"]`, login.Options{}, "v1", []string{"system/*.read"}},
		"Both":       {`["system/*.read","system/Patient.rs?category=x"]`, login.Options{}, "v2", []string{"system/*.rs"}},
		"V2Single":   {`["system/Patient.r"]`, login.Options{}, "v2", []string{"system/*.rs"}},
		"Refused":    {`[]`, login.Options{}, "v1", []string{"system/*.rs", "system/*.read", "system/*.read"}},
		"GivenOnce":  {`[]`, login.Options{Scope: "system/*.rs"}, "v1", []string{"system/*.rs"}},
		"None":       {`[]`, login.Options{}, "none", []string{"system/*.rs", "system/*.read"}},
		"V1None":     {`["system/*.read"]`, login.Options{}, "none", []string{"system/*.read"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, httptest.NewServer)
			s.documents[smartConfiguration] = `{"token_endpoint":"BASE/token","scopes_supported":` + c.supported + `}`
			s.respond = func(w http.ResponseWriter, r *http.Request) {
				scope := r.PostForm.Get("scope")
				if c.known == "none" || strings.Contains(scope, ".read") != (c.known == "v1") && scope != "a b" {
					refuse(w, http.StatusBadRequest, "invalid_scope", "unknown scope "+scope)
					return
				}
				issue(w, "token", 300)
			}
			c.options.Method, c.options.ClientID, c.options.Secret = login.Secret, clientID, text("secret")
			l, err := s.login(t, c.options)
			require.NoError(t, err)
			got, err := authorization(t, l)
			if c.known == "none" || name == "GivenOnce" {
				require.ErrorIs(t, err, login.ErrRefused)
				require.ErrorContains(t, err, "unknown scope "+c.want[0], "the first refusal is reported")
			} else {
				require.NoError(t, err)
			}
			if name == "Refused" { // the next token is requested in the syntax that was accepted
				r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
				r.Header.Set("Authorization", got)
				require.True(t, l.Rejected(r))
				_, err := authorization(t, l)
				require.NoError(t, err)
			}
			var scopes []string
			for _, r := range s.sent() {
				scopes = append(scopes, r.PostForm.Get("scope"))
			}
			require.Equal(t, c.want, scopes)
		})
	}
}

// TestTokenErrors: errors name what the server says, not the credentials.
func TestTokenErrors(t *testing.T) {
	t.Parallel()
	const secret = "top secret+1"
	for name, c := range map[string]struct {
		respond func(w http.ResponseWriter, r *http.Request)
		err     string
		refused bool
	}{
		"OAuth": {func(w http.ResponseWriter, _ *http.Request) {
			refuse(w, http.StatusUnauthorized, "invalid_client", "no such\n  client\x00")
		}, "/token: the server refuses the login: invalid_client: no such client", true},
		"Quoted": {func(w http.ResponseWriter, r *http.Request) {
			_, escaped, _ := r.BasicAuth()
			refuse(w, http.StatusBadRequest, "invalid_client", secret+", "+escaped+" or "+r.Header.Get("Authorization"))
		}, "invalid_client: ***, *** or ***", true},
		"Long": {func(w http.ResponseWriter, _ *http.Request) {
			refuse(w, http.StatusBadRequest, "invalid_client", strings.Repeat("ü", 301))
		}, "invalid_client: " + strings.Repeat("ü", 299) + "…", true},
		"NoJSON": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusForbidden) },
			"the server refuses the login: HTTP status 403 Forbidden", true},
		"ErrorWith200": {func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusOK, "unauthorized_client", "") },
			"the server refuses the login: unauthorized_client", true},
		"Clock": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", time.Now().Add(-10*time.Minute).UTC().Format(http.TimeFormat))
			refuse(w, http.StatusBadRequest, "invalid_client", "")
		}, "ahead of the server's)", true},
		"Redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example.org/token?x=y", http.StatusTemporaryRedirect)
		}, "redirects to https://evil.example.org/token, which is not followed", false},
		"Empty":   {func(http.ResponseWriter, *http.Request) {}, "the response is not JSON", false},
		"NoToken": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) }, "the response has no access_token", false},
		"OtherType": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"access_token":"x","token_type":"mac"}`))
		}, `the token_type must be bearer, got "mac"`, false},
		"Huge": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 2<<20)) }, "larger than 1048576 bytes", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, httptest.NewServer)
			s.respond = c.respond
			l, err := s.login(t, login.Options{ClientID: clientID, Secret: text(secret), TokenURL: s.URL + "/token?secret=query"})
			require.NoError(t, err)
			_, err = authorization(t, l)
			require.ErrorContains(t, err, c.err)
			require.Equal(t, c.refused, errors.Is(err, login.ErrRefused))
			require.False(t, retry.IsTransient(0, err))
			require.NotContains(t, err.Error(), "secret")
			require.Len(t, s.sent(), 1)
		})
	}
}

// TestRedirectIsNotFollowed: a token endpoint that redirects gets the credentials, and no
// other.
func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	other := newServer(t, httptest.NewServer)
	s := newServer(t, httptest.NewServer)
	s.respond = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+"/token", http.StatusPermanentRedirect)
	}
	l, err := s.login(t, login.Options{ClientID: clientID, KeyFile: write(t, jwkSet(t, newJWK(t, "k", elliptic.P384()))), TokenURL: s.URL + "/token"})
	require.NoError(t, err)
	_, err = authorization(t, l)
	require.ErrorContains(t, err, "redirects to "+other.URL+"/token")
	require.Empty(t, other.sent())
}

// TestLifetimes: servers write the lifetime as a number or a text, or not at all.
func TestLifetimes(t *testing.T) {
	t.Parallel()
	for _, expiresIn := range []any{300, "300", 1e30, 299.9, nil, -1} {
		s := newServer(t, httptest.NewServer)
		s.respond = func(w http.ResponseWriter, _ *http.Request) { issue(w, "token", expiresIn) }
		l, err := s.login(t, login.Options{ClientID: clientID, Secret: text("x"), TokenURL: s.URL + "/token"})
		require.NoError(t, err)
		for range 3 {
			_, err := authorization(t, l)
			require.NoError(t, err)
		}
		require.Len(t, s.sent(), 1, expiresIn)
	}
}

// TestRepetition: a token endpoint and a discovery that fail for a while are asked again.
func TestRepetition(t *testing.T) {
	t.Parallel()
	s := newServer(t, httptest.NewServer)
	failures := []func(w http.ResponseWriter){
		func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) },
		func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "3")
			w.WriteHeader(http.StatusTooManyRequests)
		},
		func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
	}
	var times []time.Time
	s.respond = func(w http.ResponseWriter, _ *http.Request) {
		times = append(times, time.Now())
		if len(times) <= len(failures) {
			failures[len(times)-1](w)
			return
		}
		issue(w, "token", 300)
	}
	var warnings []string
	l, err := s.login(t, login.Options{
		ClientID: clientID, Secret: text("x"), TokenURL: s.URL + "/token",
		Warn: func(text string) { warnings = append(warnings, text) },
	})
	require.NoError(t, err)
	_, err = authorization(t, l)
	require.NoError(t, err)
	require.Len(t, times, 4)
	require.GreaterOrEqual(t, times[2].Sub(times[1]), 3*time.Second)
	require.Len(t, warnings, 3)
	require.Contains(t, warnings[0], "/token: HTTP status 503 Service Unavailable; trying again in 1s")

	// The end of patience is reported as what it is.
	times = nil
	l, err = s.login(t, login.Options{ClientID: clientID, Secret: text("x"), TokenURL: s.URL + "/token", RetryFor: time.Nanosecond})
	require.NoError(t, err)
	_, err = authorization(t, l)
	require.ErrorContains(t, err, "HTTP status 503")
	require.NotErrorIs(t, err, login.ErrRefused)
	require.True(t, retry.IsTransient(0, err))
	require.Len(t, times, 1)
}
