package api_test

import (
	"context"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/api/apitest"
	"github.com/seed-90096f4d/sluice/auth"
)

// basicOf returns the header of HTTP Basic with values that are encoded as they must be.
func basicOf(encodedID, encodedSecret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(encodedID+":"+encodedSecret))
}

const secretGrant = "grant_type=client_credentials"

// TestTokenForSecret follows another implementation of RFC 6749 from the secret to the
// data.
func TestTokenForSecret(t *testing.T) {
	t.Parallel()
	b := setup(t, withBase)
	b.Documented(t)
	secrets := map[string]string{"generated": auth.NewSecret(), "a+b%20&=c": "ch:osen +%20ü&="}
	for id, secret := range secrets {
		require.NoError(t, b.Clients.Add(t.Context(), id, secret, []string{"system/*.rs", "system/Client.rs"}))
	}
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, b.HTTP)
	for id, secret := range secrets {
		for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleInHeader, oauth2.AuthStyleAutoDetect} {
			config := clientcredentials.Config{
				ClientID: id, ClientSecret: secret, TokenURL: b.URL + "/auth/token", AuthStyle: style, Scopes: []string{"system/Patient.rs", "openid"},
			}
			token, err := config.Token(ctx)
			require.NoError(t, err)
			require.Equal(t, "Bearer", token.Type())
			require.Equal(t, "system/Patient.rs", token.Extra("scope"))
			require.WithinDuration(t, time.Now().Add(5*time.Minute), token.Expiry, time.Minute)

			request := b.Request(t, http.MethodGet, "/Patient/$dump")
			request.Header.Del("Authorization")
			response, err := config.Client(ctx).Do(request)
			require.NoError(t, err)
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Equal(t, apitest.AidboxLines["Patient"], string(body))
			apitest.RequireRefusal(t, b.withToken(t, http.MethodGet, "/Appointment/$dump", token.AccessToken), http.StatusForbidden, "forbidden", "type")
		}
	}
	wrong := clientcredentials.Config{ClientID: "generated", ClientSecret: "wrong", TokenURL: b.URL + "/auth/token", AuthStyle: oauth2.AuthStyleInHeader}
	_, err := wrong.Token(ctx)
	var refused *oauth2.RetrieveError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "invalid_client", refused.ErrorCode)

	// Without a scope, a token has all scopes of the client. Some clients send no parameters
	// at all, and then no content type either.
	for form, contentType := range map[string]string{secretGrant: "application/x-www-form-urlencoded", "": "", secretGrant + "&scope=": "application/x-www-form-urlencoded"} {
		got := b.postToken(t, form, "Authorization", basicOf("generated", secrets["generated"]), "Content-Type", contentType)
		require.Equal(t, http.StatusOK, got.StatusCode, got.Text)
		require.Equal(t, "system/*.rs system/Client.rs", readToken(t, got).Scope)
	}
	require.Contains(t, b.Get(t, "/fhir/metadata").Text, `"code":"Basic"`)
}

func TestTokenForSecretRefused(t *testing.T) {
	t.Parallel()
	m, registered := newMeter(t)
	b := setup(t, registered, withBase)
	app := b.newApp(t, "app", "system/*.rs")
	secret := auth.NewSecret()
	require.NoError(t, b.Clients.Add(t.Context(), "lake", secret, []string{"system/Patient.rs"}))
	require.NoError(t, b.Clients.Add(t.Context(), "expired", secret, []string{"system/Patient.rs"}))
	require.NoError(t, b.Clients.Expire(t.Context(), "expired", time.Now().Add(-time.Minute)))
	right := basicOf("lake", secret)

	rejected := map[string]bool{}
	for name, header := range map[string]string{
		"Wrong": basicOf("lake", "wrong"), "WrongGenerated": basicOf("lake", auth.NewSecret()), "Unknown": basicOf("nobody", "wrong"),
		"KeysOnly": basicOf("app", "wrong"), "Expired": basicOf("expired", secret), "Empty": basicOf("", ""),
	} {
		got := b.postToken(t, secretGrant, "Authorization", header)
		require.Equal(t, http.StatusUnauthorized, got.StatusCode, name)
		require.Equal(t, "invalid_client", readToken(t, got).Error, name)
		require.Equal(t, `Basic realm="sluice", charset="UTF-8"`, got.Header.Get("WWW-Authenticate"), name)
		rejected[got.Text] = true
	}
	require.Len(t, rejected, 1, "the answer does not reveal whether a client exists")

	both := app.form(t, "system/*.rs")
	for name, c := range map[string]struct {
		header, form string
		status       int
		code, text   string
	}{
		"NoBasic":      {"Bearer x", secretGrant, 401, "invalid_client", "(HTTP Basic)"},
		"NoBase64":     {"Basic %%%", secretGrant, 401, "invalid_client", "(HTTP Basic)"},
		"NoColon":      {"Basic bGFrZQ==", secretGrant, 401, "invalid_client", "(HTTP Basic)"},
		"NotEncoded":   {basicOf("lake", "100%"), secretGrant, 401, "invalid_client", "form-encoded"},
		"Assertion":    {right, both.Encode(), 400, "invalid_request", "one way only"},
		"Type":         {right, secretGrant + "&client_assertion_type=x", 400, "invalid_request", "one way only"},
		"InBody":       {right, secretGrant + "&client_secret=" + secret, 400, "invalid_request", "one way only"},
		"OnlyInBody":   {"", secretGrant + "&client_id=lake&client_secret=" + secret, 401, "invalid_client", "client_secret_basic"},
		"OtherClient":  {right, secretGrant + "&client_id=app", 400, "invalid_request", "client_id"},
		"NoGrant":      {right, "scope=system/Patient.rs", 400, "invalid_request", "grant_type"},
		"OtherGrant":   {right, "grant_type=password", 400, "unsupported_grant_type", "client_credentials"},
		"ForeignScope": {right, secretGrant + "&scope=system/Observation.rs", 400, "invalid_scope", "none of the requested scopes"},
	} {
		got := b.postToken(t, c.form, "Authorization", c.header)
		require.Equal(t, c.status, got.StatusCode, name+got.Text)
		said := readToken(t, got)
		require.Equal(t, c.code, said.Error, name)
		require.Contains(t, said.Description, c.text, name)
		require.NotContains(t, got.Text, secret)
	}
	require.NotContains(t, b.Logs.String(), secret)
	require.Equal(t, 6, m.value("sluice_refusals_total", "invalid"))
	require.Equal(t, 1, m.value("sluice_refusals_total", "scope"))

	b.DB.Close()
	got := b.postToken(t, secretGrant, "Authorization", right)
	require.Equal(t, http.StatusServiceUnavailable, got.StatusCode)
	require.Equal(t, "temporarily_unavailable", readToken(t, got).Error)
}

// TestTokenForSecretLimits: guessing at the token endpoint is limited as everywhere else,
// and together with it; generated secrets are accepted all the same.
func TestTokenForSecretLimits(t *testing.T) {
	t.Parallel()
	b := setup(t, withBase, func(config *api.Config) {
		config.LoginFailuresPerMinute = 2
		config.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	secret := auth.NewSecret()
	require.NoError(t, b.Clients.Add(t.Context(), "lake", secret, []string{"system/Patient.rs"}))
	from := func(address, id, secret string) apitest.Answer {
		return b.postToken(t, secretGrant, "Authorization", basicOf(id, secret), "X-Forwarded-For", address)
	}
	require.Equal(t, http.StatusUnauthorized, from("192.0.2.1", apitest.ClientID, "guess-1").StatusCode)
	request := b.Request(t, http.MethodGet, "/Patient/$dump", "X-Forwarded-For", "192.0.2.2")
	request.SetBasicAuth(apitest.ClientID, "guess-2")
	require.Equal(t, http.StatusUnauthorized, b.Do(t, request).StatusCode)

	limited := from("192.0.2.3", apitest.ClientID, "guess-3")
	require.Equal(t, http.StatusTooManyRequests, limited.StatusCode, "the client's failures are those of all addresses and endpoints")
	require.Equal(t, "temporarily_unavailable", readToken(t, limited).Error)
	require.NotEmpty(t, limited.Header.Get("Retry-After"))

	require.Equal(t, http.StatusUnauthorized, from("192.0.2.9", "lake", auth.NewSecret()).StatusCode)
	require.Equal(t, http.StatusUnauthorized, from("192.0.2.9", "nobody", auth.NewSecret()).StatusCode)
	require.Equal(t, http.StatusTooManyRequests, from("192.0.2.9", "lake", auth.NewSecret()).StatusCode, "the address's failures are those of all clients")
	require.Equal(t, http.StatusOK, from("192.0.2.9", "lake", secret).StatusCode, "a generated secret cannot be locked out")
}

// TestTokenForSecretRate: token requests are requests of the client.
func TestTokenForSecretRate(t *testing.T) {
	t.Parallel()
	b := setup(t, withBase, func(config *api.Config) { config.ClientRequests = 1 })
	header := basicOf(apitest.ClientID, apitest.ClientSecret)
	require.Equal(t, http.StatusOK, b.postToken(t, secretGrant, "Authorization", header).StatusCode)
	got := b.postToken(t, secretGrant, "Authorization", header)
	require.Equal(t, http.StatusTooManyRequests, got.StatusCode)
	require.Equal(t, "too many requests by this client", readToken(t, got).Description)
}

// TestTokenForSecretRotated: a token of a replaced secret is rejected with that.
func TestTokenForSecretRotated(t *testing.T) {
	t.Parallel()
	b := setup(t, withBase)
	secret, next := auth.NewSecret(), auth.NewSecret()
	require.NoError(t, b.Clients.Add(t.Context(), "lake", secret, []string{"system/Patient.rs"}))
	token := readToken(t, b.postToken(t, secretGrant, "Authorization", basicOf("lake", secret))).AccessToken
	require.Equal(t, http.StatusOK, b.withToken(t, http.MethodGet, "/Patient/$dump", token).StatusCode)
	require.NoError(t, b.Clients.Rotate(t.Context(), "lake", next, time.Hour, 0))
	require.Equal(t, http.StatusOK, b.withToken(t, http.MethodGet, "/Patient/$dump", token).StatusCode)
	require.NoError(t, b.Clients.Rotate(t.Context(), "lake", auth.NewSecret(), 0, 0))
	apitest.RequireRefusal(t, b.withToken(t, http.MethodGet, "/Patient/$dump", token), http.StatusUnauthorized, "login", "")
}

// TestTokenForSecretAudit: token requests name the client, if it exists.
func TestTokenForSecretAudit(t *testing.T) {
	t.Parallel()
	lines := &apitest.LogBuffer{}
	b := setup(t, withBase, func(config *api.Config) { config.Audit = slog.New(slog.NewJSONHandler(lines, nil)) })
	b.postToken(t, secretGrant, "Authorization", basicOf(apitest.ClientID, apitest.ClientSecret))
	b.postToken(t, secretGrant, "Authorization", basicOf(apitest.ClientID, "Confidential1"))
	b.postToken(t, secretGrant, "Authorization", basicOf("Confidential2", "Confidential3"))
	b.postToken(t, url.Values{"grant_type": {"client_credentials"}, "scope": {"system/Observation.cud"}}.Encode(), "Authorization", basicOf(apitest.ClientID, apitest.ClientSecret))

	var got [][2]any
	for _, line := range lines.Audited(t) {
		require.Equal(t, "token", line.Action)
		got = append(got, [2]any{line.Client, line.Status})
	}
	require.Equal(t, [][2]any{{apitest.ClientID, 200}, {apitest.ClientID, 401}, {"", 401}, {apitest.ClientID, 400}}, got)
	require.NotContains(t, lines.String(), "Confidential")
}
