package smart

import (
	"cmp"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/migrations"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// standard reports which types FHIR has, as far as the tests need it.
func standard(resourceType string) bool {
	return resourceType == "Patient" || resourceType == "Observation" || resourceType == "*"
}

// testBundle is a state database with clients.
type testBundle struct {
	clients *auth.Clients
	pool    *pgxpool.Pool
}

func setup(t *testing.T) *testBundle {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), sourcetest.Database(t))
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = migrations.Up(t.Context(), pool)
	require.NoError(t, err)
	return &testBundle{clients: auth.NewClients(pool), pool: pool}
}

// tokens returns the tokens of one process. Zero fields of cfg get the defaults of
// the command.
func (b *testBundle) tokens(cfg Config) *Tokens {
	cfg.TTL = cmp.Or(cfg.TTL, 5*time.Minute)
	return NewTokens(b.pool, b.clients, cfg)
}

// register adds a client with these keys and all types of FHIR.
func (b *testBundle) register(t *testing.T, id string, keys ...signer) {
	t.Helper()
	var all []map[string]any
	for _, key := range keys {
		all = append(all, key.jwk())
	}
	require.NoError(t, b.clients.Register(t.Context(), auth.Registration{
		ID: id, Scopes: []string{"system/*.rs"}, Keys: auth.Keys{JWKS: jwks(t, all...)},
	}))
}

// ask returns a request for all scopes of the client.
func ask(assertion string) Request {
	return Request{Assertion: assertion, Audience: audience, ScopeRequest: ScopeRequest{Scopes: "system/*.rs", IsStandard: standard}}
}

func requireRefused(t *testing.T, err error, code, text string) {
	t.Helper()
	var refused *GrantError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, code, refused.Code)
	require.Contains(t, refused.Text, text)
}

const unknownKey = "no such client, or none of its keys"

func TestAssertionForToken(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	for _, alg := range []string{"RS384", "ES384"} {
		key := newSigner(t, "k-"+alg, alg)
		b.register(t, alg, key)

		tokens, other := b.tokens(Config{}), b.tokens(Config{TTL: time.Minute})
		token, err := other.Exchange(ctx, ask(key.sign(t, claims(alg))))
		require.NoError(t, err, alg)
		require.Equal(t, alg, token.ClientID)
		require.Equal(t, "system/*.rs", token.Scopes.String())
		require.Equal(t, time.Minute, token.TTL)
		require.Regexp(t, `^[A-Za-z0-9_-]{43}$`, token.Value)

		client, err := tokens.Find(ctx, token.Value)
		require.NoError(t, err, "every process accepts a token of another")
		require.Equal(t, alg, client.ID)
		require.True(t, client.Scopes.AllowsType("Patient", true))
		require.False(t, client.Scopes.AllowsType("Client", false))
	}
}

// TestKeyOfOneAlgorithm: a key that names its algorithm is used with no other.
func TestKeyOfOneAlgorithm(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	key, another := newSigner(t, "k", "RS384"), newSigner(t, "another", "ES384")
	b.register(t, "app", signer{kid: "k", alg: "PS384", private: key.private}, another)
	b.register(t, "other", key)

	tokens := b.tokens(Config{})
	_, err := tokens.Exchange(ctx, ask(key.sign(t, claims("app"))))
	requireRefused(t, err, InvalidClient, unknownKey)
	_, err = tokens.Exchange(ctx, ask(another.sign(t, claims("app"))))
	require.NoError(t, err)
	_, err = tokens.Exchange(ctx, ask(key.sign(t, claims("other"))))
	require.NoError(t, err)
}

// TestAssertionsRefused: only an assertion for this endpoint that has not expired and
// is signed by a key of the client is accepted.
func TestAssertionsRefused(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	tokens := b.tokens(Config{})
	rs, es, foreign := newSigner(t, "rs", "RS384"), newSigner(t, "es", "ES384"), newSigner(t, "es", "ES384")
	b.register(t, "app", rs, es)
	b.register(t, "other", newSigner(t, "other", "ES384"))
	require.NoError(t, b.clients.Add(ctx, "basic", "hushhush", []string{"system/*.rs"}))

	in := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	type fields = map[string]any
	short := newSigner(t, "es", "ES256")
	for name, c := range map[string]struct{ assertion, text string }{
		"Empty":         {"", "not a JWT"},
		"NoJWT":         {"a.b.c", "not a JWT"},
		"None":          {unsigned(t, "es", claims("app")), "not a JWT signed with RS384 or ES384"},
		"Confusion":     {rs.confuse(t, claims("app")), "not a JWT signed with RS384 or ES384"},
		"OtherAlg":      {short.sign(t, claims("app")), "not a JWT signed with RS384 or ES384"},
		"Long":          {es.sign(t, claims("app", fields{"x": string(make([]byte, maxAssertionBytes))})), "too long"},
		"NoKid":         {es.sign(t, claims("app"), fields{"kid": nil}), "kid"},
		"OtherType":     {es.sign(t, claims("app"), fields{"typ": "at+jwt"}), "typ"},
		"Critical":      {es.sign(t, claims("app"), fields{"crit": []string{"x"}, "x": 1}), unknownKey},
		"NumberJKU":     {es.sign(t, claims("app"), fields{"jku": 1}), "jku"},
		"ForeignJKU":    {es.sign(t, claims("app"), fields{"jku": "https://evil.example.org/jwks"}), unknownKey},
		"EmbeddedKey":   {foreign.sign(t, claims("app"), fields{"jwk": foreign.jwk()}), unknownKey},
		"ForeignKey":    {foreign.sign(t, claims("app")), unknownKey},
		"UnknownKid":    {es.sign(t, claims("app"), fields{"kid": "nonsense"}), unknownKey},
		"KidOfOther":    {es.sign(t, claims("app"), fields{"kid": "rs"}), unknownKey},
		"OtherClient":   {es.sign(t, claims("other")), unknownKey},
		"DummyKid":      {es.sign(t, claims("nobody"), fields{"kid": dummyKID}), unknownKey},
		"NoSuchClient":  {es.sign(t, claims("nobody")), unknownKey},
		"StrangeClient": {es.sign(t, claims("a\x00b")), unknownKey},
		"NoKeys":        {es.sign(t, claims("basic")), unknownKey},
		"NoIssuer":      {es.sign(t, claims("app", fields{"iss": nil})), "iss and sub"},
		"OtherIssuer":   {es.sign(t, claims("app", fields{"iss": "other"})), "iss and sub"},
		"NoClient":      {es.sign(t, claims("")), "iss and sub"},
		"NoAudience":    {es.sign(t, claims("app", fields{"aud": nil})), "aud"},
		"OtherAudience": {es.sign(t, claims("app", fields{"aud": "https://elsewhere.example.org/auth/token"})), "aud"},
		"BaseAudience":  {es.sign(t, claims("app", fields{"aud": "https://sluice.example.org"})), "aud"},
		"NumberAud":     {es.sign(t, claims("app", fields{"aud": 1})), "claims"},
		"NoExpiry":      {es.sign(t, claims("app", fields{"exp": nil})), "exp"},
		"Expired":       {es.sign(t, claims("app", fields{"exp": in(-clockSkew - 2*time.Second)})), "expired"},
		"FarExpiry":     {es.sign(t, claims("app", fields{"exp": in(maxExpiry + clockSkew + time.Minute)})), "five minutes"},
		"HugeExpiry":    {es.sign(t, claims("app", fields{"exp": 1e300})), "claims"},
		"TextExpiry":    {es.sign(t, claims("app", fields{"exp": "tomorrow"})), "claims"},
		"NotYet":        {es.sign(t, claims("app", fields{"nbf": in(clockSkew + time.Minute)})), "future"},
		"IssuedLater":   {es.sign(t, claims("app", fields{"iat": in(clockSkew + time.Minute)})), "future"},
		"NoJTI":         {es.sign(t, claims("app", fields{"jti": nil})), "jti"},
	} {
		_, err := tokens.Exchange(ctx, ask(c.assertion))
		require.Error(t, err, name)
		requireRefused(t, err, InvalidClient, c.text)
	}

	tampered := es.sign(t, claims("app"))
	swapped := es.sign(t, claims("app", fields{"jti": "another"}))
	mixed := tampered[:len(tampered)-128] + swapped[len(swapped)-128:] // the signature of another text
	_, err := tokens.Exchange(ctx, ask(mixed))
	requireRefused(t, err, InvalidClient, unknownKey)

	for _, good := range []fields{
		{"aud": []string{"x", audience}}, {"exp": in(-clockSkew / 2)}, {"exp": in(maxExpiry)}, {"iat": in(clockSkew / 2)}, {"iat": nil},
	} {
		_, err := tokens.Exchange(ctx, ask(es.sign(t, claims("app", good))))
		require.NoError(t, err, good)
	}
}

// TestAssertionCost: a rejected assertion costs the verification of one signature,
// whether the client and the key exist or not.
func TestAssertionCost(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tokens := b.tokens(Config{})
	b.register(t, "app", newSigner(t, "k", "ES384"))
	require.NoError(t, b.clients.Add(t.Context(), "basic", "hushhush", []string{"system/*.rs"}))
	for _, alg := range []string{"RS384", "ES384"} {
		for _, id := range []string{"app", "basic", "nobody", "no:body"} {
			foreign := newSigner(t, "k", alg)
			a, err := parseAssertion(foreign.sign(t, claims(id)), audience, time.Now())
			require.NoError(t, err)
			_, err = tokens.authenticate(t.Context(), a)
			requireRefused(t, err, InvalidClient, unknownKey)
			require.True(t, a.verified, alg+id)
		}
	}
}

func TestAssertionOnce(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	key, another := newSigner(t, "k", "ES384"), newSigner(t, "k", "ES384")
	b.register(t, "app", key)
	b.register(t, "other", another)

	// Several processes receive the same assertion at the same time.
	assertion := key.sign(t, claims("app", map[string]any{"jti": "one"}))
	var given, refused atomic.Int32
	var running sync.WaitGroup
	for range 5 {
		process := b.tokens(Config{})
		running.Go(func() {
			_, err := process.Exchange(ctx, ask(assertion))
			var grant *GrantError
			switch {
			case err == nil:
				given.Add(1)
			case errors.As(err, &grant) && strings.Contains(grant.Text, "jti") && grant.ClientID == "app":
				refused.Add(1)
			}
		})
	}
	running.Wait()
	require.EqualValues(t, 1, given.Load())
	require.EqualValues(t, 4, refused.Load())

	_, err := b.tokens(Config{}).Exchange(ctx, ask(another.sign(t, claims("other", map[string]any{"jti": "one"}))))
	require.NoError(t, err, "a jti is unique per client")
}

func TestTokenScopes(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	tokens, key := b.tokens(Config{}), newSigner(t, "k", "ES384")
	b.register(t, "app", key)

	exchange := ask(key.sign(t, claims("app")))
	exchange.Scopes = "openid system/Patient.read system/Client.rs patient/*.read"
	token, err := tokens.Exchange(ctx, exchange)
	require.NoError(t, err)
	require.Equal(t, "system/Patient.read", token.Scopes.String())
	client, err := tokens.Find(ctx, token.Value)
	require.NoError(t, err)
	require.True(t, client.Scopes.AllowsType("Patient", true))
	require.False(t, client.Scopes.AllowsType("Observation", true))

	// A token does not allow what its client has lost.
	_, err = b.pool.Exec(ctx, `UPDATE sluice.client SET scopes = '{system/Observation.rs}'`)
	require.NoError(t, err)
	client, err = tokens.Find(ctx, token.Value)
	require.NoError(t, err)
	require.False(t, client.Scopes.AllowsType("Patient", true))
	require.False(t, client.Scopes.AllowsType("Observation", true))

	exchange.Assertion = key.sign(t, claims("app"))
	_, err = tokens.Exchange(ctx, exchange)
	requireRefused(t, err, InvalidScope, "none of the requested scopes")

	exchange.ClientID = "other"
	_, err = tokens.Exchange(ctx, exchange)
	requireRefused(t, err, InvalidRequest, "client_id")
}

func TestTokenEnds(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	tokens, key := b.tokens(Config{}), newSigner(t, "k", "ES384")
	give := func() string {
		token, err := tokens.Exchange(ctx, ask(key.sign(t, claims("app"))))
		require.NoError(t, err)
		return token.Value
	}
	requireGone := func(token string) {
		t.Helper()
		_, err := tokens.Find(ctx, token)
		require.ErrorIs(t, err, auth.ErrBadCredentials)
	}
	b.register(t, "app", key)

	var stored string
	token := give()
	require.NoError(t, b.pool.QueryRow(ctx, `SELECT t::text FROM sluice.token t`).Scan(&stored))
	require.NotContains(t, stored, token)
	for _, wrong := range []string{"", "x", token + "x", token[1:], token[1:] + token[:1]} {
		requireGone(wrong)
	}

	_, err := b.pool.Exec(ctx, `UPDATE sluice.token SET expires_at = now()`)
	require.NoError(t, err)
	requireGone(token)

	token = give()
	var left int
	require.NoError(t, b.pool.QueryRow(ctx, `SELECT count(*) FROM sluice.token`).Scan(&left))
	require.Equal(t, 1, left, "a new token deletes expired ones")

	_, err = b.pool.Exec(ctx, `UPDATE sluice.client SET expires_at = now()`)
	require.NoError(t, err)
	requireGone(token)
	_, err = tokens.Exchange(ctx, ask(key.sign(t, claims("app"))))
	requireRefused(t, err, InvalidClient, unknownKey)

	_, err = b.pool.Exec(ctx, `UPDATE sluice.client SET expires_at = NULL`)
	require.NoError(t, err)
	token = give()
	require.NoError(t, b.clients.Remove(ctx, "app"))
	requireGone(token)
}

// TestRevokedTokens: revocation and expiry of a client end its access tokens.
func TestRevokedTokens(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	tokens, key := b.tokens(Config{}), newSigner(t, "k", "ES384")
	b.register(t, "app", key)
	token, err := tokens.Exchange(ctx, ask(key.sign(t, claims("app"))))
	require.NoError(t, err)
	require.NoError(t, b.clients.Expire(ctx, "app", time.Now().Add(-time.Second)))
	_, err = tokens.Find(ctx, token.Value)
	require.ErrorIs(t, err, auth.ErrBadCredentials)
	require.NoError(t, b.clients.Expire(ctx, "app", time.Time{}))
	_, err = tokens.Find(ctx, token.Value)
	require.NoError(t, err)
	require.NoError(t, b.clients.Revoke(ctx, "app"))
	_, err = tokens.Find(ctx, token.Value)
	require.ErrorIs(t, err, auth.ErrBadCredentials)
	require.NoError(t, b.clients.Expire(ctx, "app", time.Time{}))
	_, err = tokens.Find(ctx, token.Value)
	require.ErrorIs(t, err, auth.ErrBadCredentials, "a revoked token does not become valid again")
}

// TestTokensOfSecrets: a token that was issued for a secret is valid no longer than that
// secret, of either kind.
func TestTokensOfSecrets(t *testing.T) {
	t.Parallel()
	for kind, secrets := range map[string][]string{
		"Generated": {auth.NewSecret(), auth.NewSecret(), auth.NewSecret()},
		"Chosen":    {"secret-1", "secret-2", "secret-3"},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b, ctx := setup(t), t.Context()
			tokens, key := b.tokens(Config{}), newSigner(t, "k", "ES384")
			require.NoError(t, b.clients.Register(ctx, auth.Registration{
				ID: "app", Secret: secrets[0], Scopes: []string{"system/*.rs"}, Keys: auth.Keys{JWKS: jwks(t, key.jwk())},
			}))
			give := func(secret string) string {
				t.Helper()
				client, err := b.clients.Authenticate(ctx, auth.Login{ID: "app", Secret: secret}, unlimited{})
				require.NoError(t, err)
				token, err := tokens.Issue(ctx, client, ScopeRequest{IsStandard: standard})
				require.NoError(t, err)
				require.Equal(t, "system/*.rs", token.Scopes.String())
				return token.Value
			}
			requireValid := func(token string, valid bool) {
				t.Helper()
				client, err := tokens.Find(ctx, token)
				if !valid {
					require.ErrorIs(t, err, auth.ErrBadCredentials)
					return
				}
				require.NoError(t, err)
				require.Equal(t, "app", client.ID)
			}
			byKey, err := tokens.Exchange(ctx, ask(key.sign(t, claims("app"))))
			require.NoError(t, err)
			first := give(secrets[0])
			requireValid(first, true)

			require.NoError(t, b.clients.Rotate(ctx, "app", secrets[1], time.Hour, 0))
			requireValid(first, true)
			second, previous := give(secrets[1]), give(secrets[0])
			requireValid(second, true)
			requireValid(previous, true)
			_, err = b.pool.Exec(ctx, `UPDATE sluice.client SET previous_expires_at = now()`)
			require.NoError(t, err)
			requireValid(first, false)
			requireValid(previous, false)
			requireValid(second, true)

			_, err = b.pool.Exec(ctx, `UPDATE sluice.client SET secret_expires_at = now()`)
			require.NoError(t, err)
			requireValid(second, false)
			_, err = b.pool.Exec(ctx, `UPDATE sluice.client SET secret_expires_at = NULL`)
			require.NoError(t, err)
			requireValid(second, true)
			require.NoError(t, b.clients.Rotate(ctx, "app", secrets[2], 0, 0))
			requireValid(second, false)
			third := give(secrets[2])
			requireValid(third, true)
			requireValid(byKey.Value, true)

			var stored string
			require.NoError(t, b.pool.QueryRow(ctx, `SELECT string_agg(t::text, '') FROM sluice.token t`).Scan(&stored))
			require.NotContains(t, stored, third)
			require.NotContains(t, stored, "argon2")
			require.NoError(t, b.clients.Revoke(ctx, "app"))
			requireValid(third, false)
		})
	}
}

// unlimited does not limit failed logins.
type unlimited struct{}

func (unlimited) Take(string, string) time.Duration { return 0 }
func (unlimited) Refund(string, string)             {}
