package api_test

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/api/apitest"
	"github.com/seed-90096f4d/sluice/auth"
)

// awaitThrottled sends requests until one is throttled. The first ones may not be: a
// slow machine takes so long for the previous requests that the limiter allows more.
func (b *testBundle) awaitThrottled(t *testing.T, target string) {
	t.Helper()
	var got apitest.Answer
	require.Eventually(t, func() bool {
		got = b.Get(t, target)
		return got.StatusCode == http.StatusTooManyRequests
	}, apitest.Patience, time.Millisecond)
	apitest.RequireThrottled(t, got)
}

// TestGuessedSecrets: after too many failed logins, chosen secrets and assertions
// are rejected until later, but neither a generated secret nor one that was verified
// a moment ago.
func TestGuessedSecrets(t *testing.T) {
	t.Parallel()
	b := setup(t, withBase, func(config *api.Config) { config.LoginFailuresPerMinute = 1 })
	app := b.newApp(t, "app", "system/*.rs")
	generated := auth.NewSecret()
	require.NoError(t, b.Clients.Add(t.Context(), "other", "other-secret", []string{"system/*.rs"}))
	require.NoError(t, b.Clients.Add(t.Context(), "generated", generated, []string{"system/*.rs"}))
	ask := func(id, secret string) apitest.Answer {
		request := b.Request(t, http.MethodGet, "/Slot/$dump")
		request.SetBasicAuth(id, secret)
		return b.Do(t, request)
	}
	require.Equal(t, http.StatusNotFound, ask(apitest.ClientID, apitest.ClientSecret).StatusCode)
	require.Equal(t, http.StatusUnauthorized, ask("other", "wrong").StatusCode)
	apitest.RequireThrottled(t, ask("other", "wrong"))
	apitest.RequireThrottled(t, ask("other", "other-secret"))
	apitest.RequireThrottled(t, ask("nobody", "wrong"))
	got := b.postToken(t, app.form(t, "system/*.rs").Encode())
	require.Equal(t, http.StatusTooManyRequests, got.StatusCode)
	require.Equal(t, "temporarily_unavailable", readToken(t, got).Error)
	require.NotEmpty(t, got.Header.Get("Retry-After"))
	require.Equal(t, http.StatusNotFound, ask("generated", generated).StatusCode)
	apitest.RequireThrottled(t, ask("generated", auth.NewSecret()))
	apitest.RequireThrottled(t, ask("generated", "wrong"))
	require.Equal(t, http.StatusNotFound, ask("generated", generated).StatusCode)
	require.Equal(t, http.StatusNotFound, ask(apitest.ClientID, apitest.ClientSecret).StatusCode, "verified a moment ago")
}

// TestWrongTokens: expired tokens lock out neither their client nor others at its
// address.
func TestWrongTokens(t *testing.T) {
	t.Parallel()
	b := setup(t, withBase, func(config *api.Config) { config.LoginFailuresPerMinute = 2 })
	app, other := b.newApp(t, "app", "system/*.rs"), b.newApp(t, "other", "system/*.rs")
	ask := func(token string) int { return b.withToken(t, http.MethodGet, "/Slot/$dump", token).StatusCode }
	token := readToken(t, b.postToken(t, app.form(t, "system/*.rs").Encode())).AccessToken
	for range 10 {
		require.Equal(t, http.StatusUnauthorized, ask(token[1:]+swap(token[:1])))
	}
	require.Equal(t, http.StatusNotFound, ask(token))
	require.Equal(t, http.StatusOK, b.postToken(t, other.form(t, "system/*.rs").Encode()).StatusCode)

	form := other.form(t, "system/*.rs")
	form.Set("client_assertion", form.Get("client_assertion")+"x")
	for range 3 {
		b.postToken(t, form.Encode())
	}
	require.Equal(t, http.StatusTooManyRequests, b.postToken(t, other.form(t, "system/*.rs").Encode()).StatusCode)
}

// TestGuessedAssertions: failed assertions count for their address only, so those sent
// in the name of a client do not lock it out.
func TestGuessedAssertions(t *testing.T) {
	t.Parallel()
	m, registered := newMeter(t)
	b := setup(t, registered, withBase, func(config *api.Config) {
		config.LoginFailuresPerMinute = 3
		config.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	app := b.newApp(t, "app", "system/*.rs")
	post := func(form url.Values, address string) int {
		return b.postToken(t, form.Encode(), "X-Forwarded-For", address).StatusCode
	}
	wrong := app.form(t, "system/*.rs")
	wrong.Set("client_assertion", wrong.Get("client_assertion")+"x")
	for range 3 {
		require.Equal(t, http.StatusUnauthorized, post(wrong, "198.51.100.1"))
	}
	require.Equal(t, http.StatusTooManyRequests, post(app.form(t, "system/*.rs"), "198.51.100.1"))
	for range 10 {
		require.Equal(t, http.StatusOK, post(app.form(t, "system/*.rs"), "192.0.2.1"), "success does not count")
	}
	for outcome, want := range map[string]int{"refused": 3, "limited": 1, "ok": 10, "busy": 0, "error": 0} {
		require.Equal(t, want, m.value("sluice_auth_total", "assertion", outcome), outcome)
	}
	require.Equal(t, 1, m.value("sluice_refusals_total", "failed_logins"))
}

func TestClientRates(t *testing.T) {
	t.Parallel()
	b := setup(t, func(config *api.Config) { config.ClientDumps, config.ClientKickOffs, config.ClientRequests = 1, 2, 6 })
	b.Documented(t)
	require.NoError(t, b.Clients.Add(t.Context(), "other", "other-secret", []string{"system/*.rs"}))

	require.Equal(t, http.StatusOK, b.Get(t, "/Patient/$dump").StatusCode)
	apitest.RequireThrottled(t, b.Get(t, "/Patient/$dump"))
	require.Equal(t, http.StatusAccepted, b.Get(t, "/fhir/$export").StatusCode)
	apitest.RequireRefusal(t, b.Get(t, "/fhir/$export?_type=x"), http.StatusBadRequest, "invalid", "_type") // does not count
	require.Equal(t, http.StatusAccepted, b.Get(t, "/Patient/$dump", "Prefer", "respond-async").StatusCode)
	apitest.RequireThrottled(t, b.Get(t, "/fhir/$export?_type=x"))
	b.awaitThrottled(t, "/fhir/$export-status/6f4b6a43-5a3a-4f0c-b8a3-2a2b9d2a7f10")

	request := b.Request(t, http.MethodGet, "/Patient/$dump")
	request.SetBasicAuth("other", "other-secret")
	require.Equal(t, http.StatusOK, b.Do(t, request).StatusCode, "each client has its own")
}

// TestOwnRates: the own rates of a client replace the defaults.
func TestOwnRates(t *testing.T) {
	t.Parallel()
	b := setup(t, func(config *api.Config) { config.ClientDumps, config.ClientKickOffs, config.ClientRequests = 1, 1, 7 })
	b.Documented(t)
	own := func(n int) *auth.Rate { return &auth.Rate{PerMinute: &n} }
	require.NoError(t, b.Clients.Change(t.Context(), apitest.ClientID, auth.Change{Dumps: own(2), KickOffs: own(0)}))
	for range 2 {
		require.Equal(t, http.StatusOK, b.Get(t, "/Patient/$dump").StatusCode)
	}
	apitest.RequireThrottled(t, b.Get(t, "/Patient/$dump"))
	for range 4 {
		require.Equal(t, http.StatusAccepted, b.Get(t, "/fhir/$export").StatusCode)
	}
	b.awaitThrottled(t, "/fhir/$export-status/6f4b6a43-5a3a-4f0c-b8a3-2a2b9d2a7f10")

	require.NoError(t, b.Clients.Change(t.Context(), apitest.ClientID, auth.Change{Dumps: own(0), Requests: own(0)}))
	require.Equal(t, http.StatusOK, b.Get(t, "/Patient/$dump").StatusCode, "it counts from the next request on")
}

// TestGroupsOnly: a client that is restricted to Groups gets no other data, and does not
// learn which other Groups exist.
func TestGroupsOnly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Ward(t)
	b.Exec(t, `INSERT INTO "group" (id, txid, status, resource) SELECT 'other', 5, 'created', resource FROM "group"`)
	require.NoError(t, b.Clients.Register(t.Context(), auth.Registration{
		ID: "narrow", Secret: "narrow-secret", Scopes: []string{"system/*.rs"}, Groups: []string{"ward"},
	}))
	get := func(target string) apitest.Answer {
		request := b.Request(t, http.MethodGet, target)
		request.SetBasicAuth("narrow", "narrow-secret")
		return b.Do(t, request)
	}
	for _, target := range []string{
		"/Patient/$dump", "/Group/$dump", "/fhir/$export", "/fhir/$export?_type=Patient", "/fhir/Patient/$export", "/fhir/Patient/$export?patient=pt-1",
		"/fhir/Group", "/fhir/Group/other", "/fhir/Group/other/$export", "/fhir/Group/nobody", "/fhir/Group/nobody/$export",
	} {
		apitest.RequireRefusal(t, get(target), http.StatusForbidden, "forbidden", "")
	}
	require.Equal(t, http.StatusOK, get("/fhir/Group/ward").StatusCode)
	kicked := get("/fhir/Group/ward/$export?_type=Patient")
	require.Equal(t, http.StatusAccepted, kicked.StatusCode)
	status := strings.TrimPrefix(kicked.Header.Get("Content-Location"), b.URL)
	require.Equal(t, http.StatusAccepted, get(status).StatusCode)
	apitest.RequireRefusal(t, get("/fhir/Group/ward/$export?patient=pt-3"), http.StatusBadRequest, "not-found", "patient")

	require.NoError(t, b.Clients.Change(t.Context(), "narrow", auth.Change{Groups: []string{"other"}}))
	apitest.RequireRefusal(t, get(status), http.StatusForbidden, "forbidden", "")
}

// TestProxies: forwarding headers are trusted only from the configured proxies.
func TestProxies(t *testing.T) {
	t.Parallel()
	headers := []string{"X-Forwarded-For", "192.0.2.66, 203.0.113.7", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "fhir.example.org"}
	kick := func(b *testBundle, change ...string) string {
		got := b.Get(t, "/fhir/$export", append(append([]string{}, headers...), change...)...)
		require.Equal(t, http.StatusAccepted, got.StatusCode)
		b.remote(t, got)
		return got.Header.Get("Content-Location")
	}

	strict := setup(t)
	strict.Documented(t)
	require.Contains(t, kick(strict), strict.URL+"/fhir/$export-status/")

	behind := setup(t, func(config *api.Config) {
		config.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	behind.Documented(t)
	require.Contains(t, kick(behind), "https://fhir.example.org/fhir/$export-status/")
	got := behind.Get(t, "/health", headers...)
	require.Equal(t, "203.0.113.7", behind.remote(t, got), "what the client itself has claimed stands further left")
	require.Contains(t, kick(behind, "X-Forwarded-Host", "evil.example.org, fhir.example.org:8443"), "https://fhir.example.org:8443/")
	for _, strange := range []string{"evil/path", `"x"`, "a b", "user@evil", ""} {
		require.Contains(t, kick(behind, "X-Forwarded-Host", strange, "X-Forwarded-Proto", "javascript"), behind.URL+"/fhir/")
	}
}

// remote returns the client address that was logged for the request.
func (b *testBundle) remote(t *testing.T, got apitest.Answer) string {
	t.Helper()
	return b.requestLine(t, got.Header.Get("X-Request-Id")).Remote
}
