package auth

import (
	"context"
	"crypto/sha256"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/migrations"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// testBundle is a state database with clients.
type testBundle struct {
	*Clients

	pool   *pgxpool.Pool
	hashes *atomic.Int32 // argon2 computations so far
}

// setup returns clients in a database of their own.
func setup(t *testing.T) *testBundle {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), sourcetest.Database(t))
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = migrations.Up(t.Context(), pool)
	require.NoError(t, err)

	b := &testBundle{pool: pool}
	b.Clients, b.hashes = another(pool)
	return b
}

// login authenticates without a limit of failures.
func (b *testBundle) login(ctx context.Context, id, secret string) (Client, error) {
	return b.Authenticate(ctx, Login{ID: id, Secret: secret}, unlimited{})
}

// unlimited is a LoginLimiter without a limit.
type unlimited struct{}

func (unlimited) Take(string, string) time.Duration { return 0 }
func (unlimited) Refund(string, string)             {}

// another returns the clients of another process with the same database.
func another(pool *pgxpool.Pool) (*Clients, *atomic.Int32) {
	clients, hashes := NewClients(pool), new(atomic.Int32)
	derive := clients.hasher.derive
	clients.hasher.derive = func(secret, salt []byte, passes, memory uint32, threads uint8, length uint32) []byte {
		hashes.Add(1)
		return derive(secret, salt, passes, memory, threads, length)
	}
	return clients, hashes
}

func TestClients(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()

	none, err := b.List(ctx)
	require.NoError(t, err)
	require.Empty(t, none)

	require.NoError(t, b.Add(ctx, "lake", "secret-1", []string{"system/*.rs", "system/*.rs"}))
	require.NoError(t, b.Add(ctx, "Analyst", "secret-2", []string{"system/Patient.read", "system/User.rs"}))
	require.ErrorIs(t, b.Add(ctx, "lake", "secret-3", []string{"system/*.rs"}), ErrClientExists)

	all, err := b.List(ctx)
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, "Analyst", all[0].ID)
	require.Equal(t, "system/Patient.read system/User.rs", all[0].Scopes.String())
	require.Equal(t, []string{"system/*.rs"}, all[1].Scopes.Strings())
	require.WithinDuration(t, time.Now(), all[1].CreatedAt, time.Minute)

	_, err = b.login(ctx, "lake", "secret-3")
	require.ErrorIs(t, err, ErrBadCredentials, "a refused Add changes nothing")
	lake, err := b.login(ctx, "lake", "secret-1")
	require.NoError(t, err)
	require.Len(t, lake.SecretID, sha256.Size)
	lake.SecretID = nil
	require.Equal(t, all[1], lake)

	require.NoError(t, b.Remove(ctx, "lake"))
	require.ErrorIs(t, b.Remove(ctx, "lake"), ErrNoClient)
	require.ErrorIs(t, b.Remove(ctx, "nobody\x00"), ErrNoClient)
	_, err = b.login(ctx, "lake", "secret-1")
	require.ErrorIs(t, err, ErrBadCredentials, "though its secret was right a moment ago")
}

func TestSecretsAreNotStored(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	require.NoError(t, b.Add(ctx, "a", "hushhush", []string{"system/*.rs"}))

	var text string
	require.NoError(t, b.pool.QueryRow(ctx, `SELECT c::text FROM sluice.client c`).Scan(&text))
	require.Contains(t, text, "$argon2id$v=19$m=19456,t=2,p=1$")
	require.NotContains(t, text, "hush")

	generated := NewSecret()
	require.NoError(t, b.Rotate(ctx, "a", generated, 0, 0))
	require.NoError(t, b.pool.QueryRow(ctx, `SELECT c::text FROM sluice.client c`).Scan(&text))
	require.Contains(t, text, "sha256:")
	require.NotContains(t, text, generated)
	require.NotContains(t, text, "argon2")
}

func TestAddRefuses(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	rs := []string{"system/*.rs"}

	for name, c := range map[string]struct {
		id, secret string
		scopes     []string
		want       error
	}{
		"no id":           {"", "hushhush", rs, ErrInvalidClient},
		"long id":         {strings.Repeat("a", 129), "hushhush", rs, ErrInvalidClient},
		"colon":           {"a:b", "hushhush", rs, ErrInvalidClient},
		"space":           {"a b", "hushhush", rs, ErrInvalidClient},
		"control":         {"a\nb", "hushhush", rs, ErrInvalidClient},
		"zero byte":       {"a\x00", "hushhush", rs, ErrInvalidClient},
		"not ASCII":       {"größe", "hushhush", rs, ErrInvalidClient},
		"no secret":       {"a", "", rs, ErrInvalidClient},
		"short secret":    {"a", "hush5", rs, ErrInvalidClient},
		"long secret":     {"a", strings.Repeat("hush", 257), rs, ErrInvalidClient},
		"control secret":  {"a", "hushhush\n", rs, ErrInvalidClient},
		"secret no UTF-8": {"a", "hushhush\xff", rs, ErrInvalidClient},
		"no scopes":       {"a", "hushhush", nil, ErrInvalidClient},
		"useless scopes":  {"a", "hushhush", []string{"system/*.cud", "system/Patient.r"}, ErrInvalidClient},
		"bad scope":       {"a", "hushhush", []string{"system/*.rs", "patient/*.rs"}, ErrInvalidScope},
	} {
		err := b.Add(ctx, c.id, c.secret, c.scopes)
		require.ErrorIs(t, err, c.want, name)
		require.NotContains(t, err.Error(), "hush", name)
	}
	require.NoError(t, b.Add(ctx, "a/b@c-d_e.f~1", "Geheimnis: ß🙂", rs))
	_, err := b.login(ctx, "a/b@c-d_e.f~1", "Geheimnis: ß🙂")
	require.NoError(t, err)

	all, err := b.List(ctx)
	require.NoError(t, err)
	require.Len(t, all, 1)
}
