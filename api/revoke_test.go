package api_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/auth"
)

// A client that is revoked, expires, is removed or loses the scope in the middle
// of a dump gets no more of it, whether it keeps reading or not.
func TestRevokedInTheMiddleOfADump(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*testing.T, *testBundle) error{
		"Revoked": func(t *testing.T, b *testBundle) error { return b.clients.Revoke(t.Context(), clientID) },
		"Removed": func(t *testing.T, b *testBundle) error { return b.clients.Remove(t.Context(), clientID) },
		"Restricted": func(t *testing.T, b *testBundle) error {
			return b.clients.Change(t.Context(), clientID, auth.Change{Groups: []string{"g"}})
		},
		"Narrowed": func(t *testing.T, b *testBundle) error {
			return b.clients.Change(t.Context(), clientID, auth.Change{Scopes: []string{"system/Observation.rs"}})
		},
		"Replaced": func(t *testing.T, b *testBundle) error {
			if err := b.clients.Remove(t.Context(), clientID); err != nil {
				return err
			}
			return b.clients.Add(t.Context(), clientID, clientSecret, []string{"system/*.rs"})
		},
		"Expired": func(t *testing.T, b *testBundle) error {
			return b.clients.Expire(t.Context(), clientID, time.Now().Add(time.Second))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.large(t, largeRows, largeSize)
			_, stalled := b.begin(t, "/Patient/$dump")
			require.Eventually(t, func() bool { return len(b.readers(t)) == 1 }, patience, tick)

			require.NoError(t, end(t, b))
			b.requireNoReaders(t)
			_, err := io.Copy(io.Discard, stalled)
			require.Error(t, err, "what came does not look whole")
			require.Eventually(t, func() bool { return len(b.logs.ended(t)) == 1 }, patience, tick)
			line := b.logs.ended(t)[0]
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
	b.exec(t, `DELETE FROM patient WHERE id <> 'pt-3'`)
	wait := b.later(t, b.request(t, http.MethodGet, "/Patient/$dump"))
	b.requireReader(t)
	require.NoError(t, b.clients.Revoke(t.Context(), clientID))
	got, err := wait()
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, got.StatusCode)
	b.requireNoReaders(t)
}

// An access token that ends does not end a dump that was begun with it, but the
// end of its client does.
func TestTokenOfADumpExpires(t *testing.T) {
	t.Parallel()
	b := setup(t, withBase)
	open := b.gate(t)
	app := b.newApp(t, "app", "system/*.rs")
	token := readToken(t, b.postToken(t, app.form(t, "system/*.rs").Encode())).AccessToken
	begin := func() io.ReadCloser {
		request := b.request(t, http.MethodGet, "/Patient/$dump")
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := b.http.Do(request)
		require.NoError(t, err)
		t.Cleanup(func() { _ = response.Body.Close() })
		require.Equal(t, http.StatusOK, response.StatusCode)
		return response.Body
	}
	kept := begin()
	b.exec(t, `DELETE FROM sluice.token`)
	// Longer than it takes to notice: another client's end is noticed meanwhile.
	require.NoError(t, b.clients.Add(t.Context(), "other", clientSecret, []string{"system/*.rs"}))
	request := b.request(t, http.MethodGet, "/Patient/$dump")
	request.SetBasicAuth("other", clientSecret)
	other, err := b.http.Do(request)
	require.NoError(t, err)
	defer func() { _ = other.Body.Close() }()
	require.NoError(t, b.clients.Revoke(t.Context(), "other"))
	_, err = io.Copy(io.Discard, other.Body)
	require.Error(t, err)

	open()
	all, err := io.ReadAll(kept)
	require.NoError(t, err)
	require.Equal(t, 3, strings.Count(string(all), "\n"))
}
