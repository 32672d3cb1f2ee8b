package api_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api/apitest"
	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/fetch/login"
)

// publicTransport sends requests for the public URL to the server of the test.
type publicTransport struct {
	server    string
	transport http.RoundTripper
}

func (p publicTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	public, err := url.Parse(p.server)
	if err != nil {
		return nil, err
	}
	there := r.Clone(r.Context())
	there.URL.Scheme, there.URL.Host = public.Scheme, public.Host
	return p.transport.RoundTrip(there)
}

// TestTokenForFetch: the client of Bulk Data servers finds the token endpoint and logs in
// with a secret and with generated keys.
func TestTokenForFetch(t *testing.T) {
	t.Parallel()
	b := setup(t, withBase)
	b.Documented(t)
	base, err := url.Parse(baseURL + "/fhir")
	require.NoError(t, err)
	client := &http.Client{Transport: publicTransport{b.URL, b.HTTP.Transport}}

	for _, kind := range []string{"ES384", "RS384", "secret"} {
		o := login.Options{ClientID: kind, Types: []string{"Patient"}}
		registration := auth.Registration{ID: kind, Scopes: []string{"system/*.rs"}}
		if kind == "secret" {
			o.Method, o.Secret = login.Secret, func() (string, error) { return "chosen %+secret", nil }
			registration.Secret = "chosen %+secret"
		} else {
			private, public, err := login.GenerateKey(kind)
			require.NoError(t, err)
			o.KeyFile = filepath.Join(t.TempDir(), "private.json")
			require.NoError(t, os.WriteFile(o.KeyFile, private, 0o600))
			registration.Keys.JWKS = public
		}
		require.NoError(t, b.Clients.Register(t.Context(), registration))
		l, err := login.New(t.Context(), client, base, o)
		require.NoError(t, err, kind)

		request := b.Request(t, http.MethodGet, "/Patient/$dump")
		require.NoError(t, l.Authorize(t.Context(), request), kind)
		require.Contains(t, request.Header.Get("Authorization"), "Bearer ")
		require.Equal(t, apitest.AidboxLines["Patient"], b.Do(t, request).Text)

		// A token that was revoked is replaced once.
		b.Exec(t, `DELETE FROM sluice.token`)
		require.NoError(t, l.Authorize(t.Context(), request))
		require.Equal(t, http.StatusUnauthorized, b.Do(t, request).StatusCode)
		require.True(t, l.Rejected(request))
		require.NoError(t, l.Authorize(t.Context(), request))
		require.Equal(t, http.StatusOK, b.Do(t, request).StatusCode)

		forbidden := b.Request(t, http.MethodGet, "/Observation/$dump")
		require.NoError(t, l.Authorize(t.Context(), forbidden))
		require.Equal(t, http.StatusForbidden, b.Do(t, forbidden).StatusCode, "the token has the scopes of the requested types only")

		require.NoError(t, b.Clients.Revoke(t.Context(), kind))
		revoked, err := login.New(t.Context(), client, base, o)
		require.NoError(t, err)
		require.ErrorIs(t, revoked.Authorize(t.Context(), request), login.ErrRefused)
	}
}
