package auth

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// requireLets requires that the client a is authenticated by the secret, or not.
func (b *testBundle) requireLets(t *testing.T, secret string, want bool, why string) {
	t.Helper()
	_, err := b.login(t.Context(), "a", secret)
	if want {
		require.NoError(t, err, why)
		return
	}
	require.ErrorIs(t, err, ErrBadCredentials, why)
}

func TestRotate(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	require.NoError(t, b.Add(ctx, "a", "secret-1", []string{"system/*.rs"}))
	b.requireLets(t, "secret-1", true, "")

	require.NoError(t, b.Rotate(ctx, "a", "secret-2", time.Hour, 0))
	b.requireLets(t, "secret-1", true, "the old one works for a while")
	b.requireLets(t, "secret-2", true, "beside the new one")
	b.hashes.Store(0)
	b.requireLets(t, "secret-3", false, "")
	require.EqualValues(t, 2, b.hashes.Load(), "a wrong secret is compared with both")
	client, err := b.Get(ctx, "a")
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(time.Hour), client.PreviousExpiresAt, time.Minute)

	require.NoError(t, b.Rotate(ctx, "a", "secret-3", time.Hour, time.Hour))
	b.requireLets(t, "secret-1", false, "there are two at most")
	b.requireLets(t, "secret-2", true, "")
	_, err = b.pool.Exec(ctx, `UPDATE sluice.client SET previous_expires_at = now()`)
	require.NoError(t, err)
	b.requireLets(t, "secret-2", false, "its time is over, though it was right a moment ago")
	b.requireLets(t, "secret-3", true, "")

	require.NoError(t, b.Rotate(ctx, "a", "secret-4", 0, 0))
	b.requireLets(t, "secret-3", false, "nothing is kept")
	b.requireLets(t, "secret-4", true, "")
	_, err = b.pool.Exec(ctx, `UPDATE sluice.client SET secret_expires_at = now()`)
	require.NoError(t, err)
	b.requireLets(t, "secret-4", false, "a secret can expire")
	require.NoError(t, b.Rotate(ctx, "a", "secret-5", time.Hour, 0))
	b.requireLets(t, "secret-4", false, "what has expired is not kept")
	b.requireLets(t, "secret-5", true, "")

	require.ErrorIs(t, b.Rotate(ctx, "nobody", "secret-5", 0, 0), ErrNoClient)
	require.ErrorIs(t, b.Rotate(ctx, "no\x00body", "secret-5", 0, 0), ErrNoClient)
	require.ErrorIs(t, b.Rotate(ctx, "a", "short", 0, 0), ErrInvalidClient)
	require.ErrorIs(t, b.Rotate(ctx, "a", "secret-6", -1, 0), ErrInvalidClient)
	b.requireLets(t, "secret-5", true, "a refused change changes nothing")
}

// TestRotateToGenerated: both secrets are valid, whatever their kinds.
func TestRotateToGenerated(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	require.NoError(t, b.Add(ctx, "a", "secret-1", []string{"system/*.rs"}))
	generated, another := NewSecret(), NewSecret()
	require.NoError(t, b.Rotate(ctx, "a", generated, time.Hour, 0))
	b.requireLets(t, "secret-1", true, "")
	b.requireLets(t, generated, true, "")
	require.NoError(t, b.Rotate(ctx, "a", another, time.Hour, 0))
	b.requireLets(t, "secret-1", false, "")
	b.requireLets(t, generated, true, "")
	b.requireLets(t, another, true, "")
	require.NoError(t, b.Rotate(ctx, "a", "secret-2", 0, 0))
	b.requireLets(t, another, false, "")
	b.requireLets(t, "secret-2", true, "")
}

func TestExpireAndRevoke(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	require.NoError(t, b.Register(ctx, Registration{
		ID: "a", Secret: "secret-1", Scopes: []string{"system/*.rs"}, ExpiresAt: time.Now().Add(time.Hour),
	}))
	b.requireLets(t, "secret-1", true, "")

	b.hashes.Store(0)
	require.NoError(t, b.Expire(ctx, "a", time.Now().Add(-time.Second)))
	b.requireLets(t, "secret-1", false, "though it was right a moment ago")
	require.EqualValues(t, 1, b.hashes.Load(), "a client that has expired costs what another costs")
	client, err := b.Get(ctx, "a")
	require.NoError(t, err)
	require.True(t, client.Expired)
	require.NoError(t, b.Expire(ctx, "a", time.Time{}))
	b.requireLets(t, "secret-1", true, "")

	require.NoError(t, b.Rotate(ctx, "a", "secret-2", time.Hour, 0))
	require.NoError(t, b.Revoke(ctx, "a"))
	b.requireLets(t, "secret-1", false, "")
	b.requireLets(t, "secret-2", false, "")
	require.NoError(t, b.Expire(ctx, "a", time.Time{}))
	b.requireLets(t, "secret-1", false, "the replaced secret does not become valid again")
	b.requireLets(t, "secret-2", true, "")

	for _, change := range []func() error{
		func() error { return b.Expire(ctx, "nobody", time.Time{}) },
		func() error { return b.Revoke(ctx, "nobody") },
		func() error { return b.Change(ctx, "nobody", Change{Scopes: []string{"system/*.rs"}}) },
		func() error { _, err := b.Get(ctx, "nobody"); return err },
	} {
		require.ErrorIs(t, change(), ErrNoClient)
	}
}

func TestChange(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	first, second := newJWK(t, "first"), newJWK(t, "second")
	require.NoError(t, b.Register(ctx, Registration{
		ID: "a", Scopes: []string{"system/*.rs"}, Groups: []string{"g1"}, Keys: Keys{JWKS: jwks(t, first), URL: "https://a.example.org/jwks"},
	}))
	is := func(check func(Client) bool) {
		t.Helper()
		client, err := b.Get(ctx, "a")
		require.NoError(t, err)
		require.True(t, check(client), "%+v", client)
	}
	is(func(c Client) bool {
		return !c.HasSecret && c.AllowsGroup("g1") && !c.AllowsGroup("g2") && c.Keys[0].KeyID == "first" && c.KeysURL == "https://a.example.org/jwks"
	})
	b.requireLets(t, "", false, "who has no secret is not let in without one")

	require.NoError(t, b.Change(ctx, "a", Change{Groups: []string{"g2"}}))
	is(func(c Client) bool { return !c.AllowsGroup("g1") && c.AllowsGroup("g2") && c.Keys[0].KeyID == "first" })
	require.NoError(t, b.Change(ctx, "a", Change{Groups: []string{}, Scopes: []string{"system/Patient.rs"}}))
	is(func(c Client) bool { return c.AllowsGroup("g1") && !c.Scopes.AllowsType("Observation", true) })
	require.NoError(t, b.Change(ctx, "a", Change{Keys: &Keys{JWKS: jwks(t, second)}}))
	is(func(c Client) bool { return c.Keys[0].KeyID == "second" && c.KeysURL == "" })
	require.NoError(t, b.Change(ctx, "a", Change{Keys: &Keys{}}))
	is(func(c Client) bool { return c.Keys == nil })

	for name, change := range map[string]Change{
		"Scopes": {Scopes: []string{"system/*.cud"}},
		"Group":  {Groups: []string{"Group/with space"}},
		"Plain":  {Keys: &Keys{URL: "http://a.example.org/jwks"}},
		"Secret": {Keys: &Keys{URL: "https://user:secret@a.example.org/jwks"}},
		"NoURL":  {Keys: &Keys{URL: "https://"}},
		"NoJWKS": {Keys: &Keys{JWKS: []byte("{}")}},
	} {
		require.ErrorIs(t, b.Change(ctx, "a", change), ErrInvalidClient, name)
	}
	require.NoError(t, b.Change(ctx, "a", Change{Keys: &Keys{URL: "http://10.0.0.1/jwks", AllowInsecureURL: true}}))
}
