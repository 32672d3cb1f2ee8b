package auth

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestHistory: the history of a client has each change, its actor and the
// differences, also after the client was removed, and contains no secret.
func TestHistory(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	var told []Entry
	clients := b.WithActor("root@example", func(entry Entry) { told = append(told, entry) })
	key := newJWK(t, "k")
	at := time.Date(2100, 1, 2, 3, 4, 5, 0, time.UTC)
	require.NoError(t, clients.Add(ctx, "a", "hushhush-1", []string{"system/*.rs"}))
	require.NoError(t, clients.Rotate(ctx, "a", "hushhush-2", 0, 0))
	require.NoError(t, clients.Change(ctx, "a", Change{
		Scopes: []string{"system/Patient.rs"}, Groups: []string{"g1", "g2"}, Dumps: &Rate{PerMinute: new(5)}, Requests: &Rate{},
		Keys: &Keys{JWKS: jwks(t, key), URL: "https://app.example.org/jwks?token=hush"},
	}))
	require.NoError(t, clients.Change(ctx, "a", Change{Keys: &Keys{}, Groups: []string{}}))
	require.NoError(t, clients.Expire(ctx, "a", at))
	require.NoError(t, clients.Revoke(ctx, "a"))
	require.ErrorIs(t, clients.Add(ctx, "a", "hushhush-1", []string{"system/*.rs"}), ErrClientExists)
	require.Error(t, clients.Change(ctx, "nobody", Change{Groups: []string{}}))
	require.NoError(t, clients.Remove(ctx, "a"))

	history, err := b.History(ctx, "a")
	require.NoError(t, err)
	require.Equal(t, told, history)
	var actions []string
	details := map[string]map[string]string{}
	for _, entry := range history {
		actions = append(actions, entry.Action)
		details[entry.Action] = entry.Details
		require.Equal(t, "root@example", entry.Actor)
		require.NotEmpty(t, entry.Role)
		require.WithinDuration(t, time.Now(), entry.At, time.Minute)
	}
	require.Equal(t, []string{"add", "rotate", "change", "change", "expire", "revoke", "remove"}, actions)
	require.Equal(t, map[string]string{"scopes": "system/*.rs", "secret": "set"}, details["add"])
	require.Equal(t, map[string]string{"secret": "replaced"}, details["rotate"])
	require.Equal(t, map[string]string{"expires": "never → 2100-01-02T03:04:05Z"}, details["expire"])
	require.Equal(t, map[string]string{"scopes": "system/Patient.rs", "secret": "set", "dumps": "5", "expires": details["remove"]["expires"]}, details["remove"])
	changed := history[2].Details
	require.Equal(t, "system/*.rs → system/Patient.rs", changed["scopes"])
	require.Equal(t, "any → g1 g2", changed["groups"])
	require.Equal(t, "default → 5", changed["dumps"])
	require.Equal(t, "none → https://app.example.org/jwks", changed["jwks url"])
	require.Regexp(t, `^none → k=[A-Za-z0-9_-]{43}$`, changed["keys"])
	require.Len(t, changed, 5)

	var text string
	require.NoError(t, b.pool.QueryRow(ctx, `SELECT string_agg(c::text, ' ') FROM sluice.client_change c`).Scan(&text))
	require.NotContains(t, text, "hush")
	require.NotContains(t, text, "argon2")
}

// TestStoreChanges: each change is passed to one process at a time until it is stored.
func TestStoreChanges(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	other, _ := another(b.pool)
	handed := func(clients *Clients, failure error) (ids []string) {
		t.Helper()
		count, err := clients.StoreChanges(ctx, func(entries []Entry) error {
			for _, entry := range entries {
				ids = append(ids, entry.Action+" "+entry.ClientID)
			}
			return failure
		})
		require.ErrorIs(t, err, failure)
		if failure == nil {
			require.Len(t, ids, count)
		}
		return ids
	}
	require.NoError(t, b.Add(ctx, "a", "secret-1", []string{"system/*.rs"}))
	require.NoError(t, b.Remove(ctx, "a"))
	both := []string{"add a", "remove a"}
	require.Equal(t, both, handed(b.Clients, errors.New("the store is unavailable")))
	_, err := b.StoreChanges(ctx, func([]Entry) error {
		require.Empty(t, handed(other, nil), "another process is storing them")
		return context.Canceled
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, both, handed(other, nil))
	require.Empty(t, handed(b.Clients, nil))
}

// TestRates: a client's own rates are stored, changed one by one and reset.
func TestRates(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	own := func(n int) Rate { return Rate{PerMinute: &n} }
	require.NoError(t, b.Register(ctx, Registration{ID: "a", Secret: "secret-1", Scopes: []string{"system/*.rs"}, Rates: Rates{Dumps: own(0), KickOffs: own(2)}}))
	rates := func() Rates {
		client, err := b.login(ctx, "a", "secret-1")
		require.NoError(t, err)
		return client.Rates
	}
	require.Equal(t, Rates{Dumps: own(0), KickOffs: own(2)}, rates())
	require.NoError(t, b.Change(ctx, "a", Change{Requests: new(own(7))}))
	require.Equal(t, Rates{Dumps: own(0), KickOffs: own(2), Requests: own(7)}, rates())
	require.NoError(t, b.Change(ctx, "a", Change{KickOffs: &Rate{}}))
	require.Equal(t, Rates{Dumps: own(0), Requests: own(7)}, rates())
	require.Equal(t, 60, Rate{}.OrDefault(60))
	require.Zero(t, own(0).OrDefault(60))

	for text, want := range map[string]Rate{"default": {}, "0": own(0), "12": own(12)} {
		var rate Rate
		require.NoError(t, rate.UnmarshalText([]byte(text)))
		require.Equal(t, want, rate)
		require.Equal(t, text, rate.String())
	}
	for _, wrong := range []string{"", "-1", "many", "1e9", "99999999999"} {
		require.Error(t, new(Rate).UnmarshalText([]byte(wrong)), wrong)
	}
}
