package api_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api/apitest"
	"github.com/seed-90096f4d/sluice/auth"
)

// A client that is revoked, expires, is removed or loses the scope in the middle
// of a dump gets no more of it, whether it keeps reading or not.
func TestRevokedInTheMiddleOfADump(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*testing.T, *testBundle) error{
		"Revoked": func(t *testing.T, b *testBundle) error { return b.Clients.Revoke(t.Context(), apitest.ClientID) },
		"Removed": func(t *testing.T, b *testBundle) error { return b.Clients.Remove(t.Context(), apitest.ClientID) },
		"Restricted": func(t *testing.T, b *testBundle) error {
			return b.Clients.Change(t.Context(), apitest.ClientID, auth.Change{Groups: []string{"g"}})
		},
		"Narrowed": func(t *testing.T, b *testBundle) error {
			return b.Clients.Change(t.Context(), apitest.ClientID, auth.Change{Scopes: []string{"system/Observation.rs"}})
		},
		"Replaced": func(t *testing.T, b *testBundle) error {
			if err := b.Clients.Remove(t.Context(), apitest.ClientID); err != nil {
				return err
			}
			return b.Clients.Add(t.Context(), apitest.ClientID, apitest.ClientSecret, []string{"system/*.rs"})
		},
		"Expired": func(t *testing.T, b *testBundle) error {
			return b.Clients.Expire(t.Context(), apitest.ClientID, time.Now().Add(time.Second))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.large(t, largeRows, largeSize)
			_, stalled := b.begin(t, "/Patient/$dump")
			require.Eventually(t, func() bool { return len(b.readers(t)) == 1 }, apitest.Patience, apitest.Tick)

			require.NoError(t, end(t, b))
			b.requireNoReaders(t)
			_, err := io.Copy(io.Discard, stalled)
			require.Error(t, err, "what came does not look whole")
			require.Eventually(t, func() bool { return len(b.Logs.Ended(t)) == 1 }, apitest.Patience, apitest.Tick)
			line := b.Logs.Ended(t)[0]
			require.Equal(t, "broken", line.Outcome)
			require.Equal(t, "client_revoked", line.Reason)
		})
	}
}

// A dump that waits for the database when its client is revoked is refused.
func TestRevokedBeforeTheFirstByte(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.gate(t)
	b.Exec(t, `DELETE FROM patient WHERE id <> 'pt-3'`)
	wait := b.Later(t, b.Request(t, http.MethodGet, "/Patient/$dump"))
	b.requireReader(t)
	require.NoError(t, b.Clients.Revoke(t.Context(), apitest.ClientID))
	got, err := wait()
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, got.StatusCode)
	b.requireNoReaders(t)
}

// TestTokenOfADumpExpires: a dump survives the expiry of its access token, but not of its
// client.
func TestTokenOfADumpExpires(t *testing.T) {
	t.Parallel()
	b := setup(t, withBase)
	open := b.gate(t)
	app := b.newApp(t, "app", "system/*.rs")
	token := readToken(t, b.postToken(t, app.form(t, "system/*.rs").Encode())).AccessToken
	begin := func() io.ReadCloser {
		request := b.Request(t, http.MethodGet, "/Patient/$dump")
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := b.HTTP.Do(request)
		require.NoError(t, err)
		t.Cleanup(func() { _ = response.Body.Close() })
		require.Equal(t, http.StatusOK, response.StatusCode)
		return response.Body
	}
	kept := begin()
	b.Exec(t, `DELETE FROM sluice.token`)
	// Waits until the expiry of another client was noticed, so this one would have been.
	require.NoError(t, b.Clients.Add(t.Context(), "other", apitest.ClientSecret, []string{"system/*.rs"}))
	request := b.Request(t, http.MethodGet, "/Patient/$dump")
	request.SetBasicAuth("other", apitest.ClientSecret)
	other, err := b.HTTP.Do(request)
	require.NoError(t, err)
	defer func() { _ = other.Body.Close() }()
	require.NoError(t, b.Clients.Revoke(t.Context(), "other"))
	_, err = io.Copy(io.Discard, other.Body)
	require.Error(t, err)

	open()
	all, err := io.ReadAll(kept)
	require.NoError(t, err)
	require.Equal(t, 3, strings.Count(string(all), "\n"))
}
