package auth

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/migrations"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// testBundle is what a test of Clients works with.
type testBundle struct {
	*Clients

	pool   *pgxpool.Pool
	hashes *atomic.Int32 // argon2 computations so far
}

// setup makes clients in a database of their own.
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

// another returns clients as another process over the same database has them.
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

	_, err = b.Authenticate(ctx, "lake", "secret-3", Origin{})
	require.ErrorIs(t, err, ErrBadCredentials, "a refused Add changes nothing")
	lake, err := b.Authenticate(ctx, "lake", "secret-1", Origin{})
	require.NoError(t, err)
	require.Equal(t, all[1], lake)

	require.NoError(t, b.Remove(ctx, "lake"))
	require.ErrorIs(t, b.Remove(ctx, "lake"), ErrNoClient)
	require.ErrorIs(t, b.Remove(ctx, "nobody\x00"), ErrNoClient)
	_, err = b.Authenticate(ctx, "lake", "secret-1", Origin{})
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
	_, err := b.Authenticate(ctx, "a/b@c-d_e.f~1", "Geheimnis: ß🙂", Origin{})
	require.NoError(t, err)

	all, err := b.List(ctx)
	require.NoError(t, err)
	require.Len(t, all, 1)
}

func TestAuthenticateRefuses(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	require.NoError(t, b.Add(ctx, "a", "hushhush", []string{"system/*.rs"}))
	_, err := b.Authenticate(ctx, "a", "hushhush", Origin{})
	require.NoError(t, err)

	texts := map[string]bool{}
	for _, c := range [][2]string{
		{"a", "hushhusg"}, {"a", ""}, {"a", "hushhush "}, {"a", "hushhush\x00"}, {"a", "HUSHHUSH"},
		{"A", "hushhush"}, {"", ""}, {"", "hushhush"}, {"b", "hushhush"}, {"a\x00", "hushhush"}, {"a\xff", "hushhush"},
		{"' OR true --", "hushhush"}, {"%", "hushhush"},
	} {
		before := b.hashes.Load()
		client, err := b.Authenticate(ctx, c[0], c[1], Origin{})
		require.ErrorIs(t, err, ErrBadCredentials, "%q", c)
		want := Client{}
		if c[0] == "a" { // for the log
			want.ID = "a"
		}
		require.Equal(t, want, client)
		require.EqualValues(t, 1, b.hashes.Load()-before, "%q costs what a wrong secret costs", c)
		texts[err.Error()] = true
	}
	require.Len(t, texts, 1, "all refusals read the same")
}

func TestDecoyCostsTheSame(t *testing.T) {
	t.Parallel()
	h := newHasher()
	stored, err := h.hash(t.Context(), "secret")
	require.NoError(t, err)
	c, salt, hash, err := parseHash(stored)
	require.NoError(t, err)
	decoy, decoySalt, decoyHash, err := parseHash(h.decoy)
	require.NoError(t, err)
	require.Equal(t, c, decoy)
	require.Len(t, decoySalt, len(salt))
	require.Len(t, decoyHash, len(hash))
}

func TestVerifiedSecretIsNotHashedAgain(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	require.NoError(t, b.Add(ctx, "a", "secret-1", []string{"system/*.rs"}))
	require.NoError(t, b.Add(ctx, "b", "secret-1", []string{"system/Patient.rs"}))
	b.hashes.Store(0)

	for range 3 {
		_, err := b.Authenticate(ctx, "a", "secret-1", Origin{})
		require.NoError(t, err)
	}
	require.EqualValues(t, 1, b.hashes.Load())

	_, err := b.Authenticate(ctx, "a", "secret-2", Origin{})
	require.ErrorIs(t, err, ErrBadCredentials, "a right secret opens no door to a wrong one")
	_, err = b.Authenticate(ctx, "b", "secret-1", Origin{})
	require.NoError(t, err)
	require.EqualValues(t, 3, b.hashes.Load(), "what is known of one client says nothing of another")
}

func TestChangesAreSeenAtOnce(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	elsewhere, _ := another(b.pool)
	rs := []string{"system/*.rs"}
	require.NoError(t, b.Add(ctx, "a", "secret-1", rs))
	_, err := b.Authenticate(ctx, "a", "secret-1", Origin{})
	require.NoError(t, err)

	// Another process gives the client another secret, then other scopes.
	require.NoError(t, elsewhere.Remove(ctx, "a"))
	_, err = b.Authenticate(ctx, "a", "secret-1", Origin{})
	require.ErrorIs(t, err, ErrBadCredentials)
	require.NoError(t, elsewhere.Add(ctx, "a", "secret-2", rs))
	_, err = b.Authenticate(ctx, "a", "secret-1", Origin{})
	require.ErrorIs(t, err, ErrBadCredentials)
	_, err = b.Authenticate(ctx, "a", "secret-2", Origin{})
	require.NoError(t, err)

	_, err = b.pool.Exec(ctx, `UPDATE sluice.client SET scopes = '{system/Patient.rs}'`)
	require.NoError(t, err)
	client, err := b.Authenticate(ctx, "a", "secret-2", Origin{})
	require.NoError(t, err)
	require.False(t, client.Scopes.AllowsType("Observation", true))
}

func TestManyRequestsAtOnce(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	require.NoError(t, b.Add(ctx, "a", "secret-1", []string{"system/*.rs"}))
	b.hashes.Store(0)

	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			_, err := b.Authenticate(ctx, "a", "secret-1", Origin{})
			assert.NoError(t, err)
		})
	}
	wg.Go(func() {
		_, err := b.Authenticate(ctx, "a", "secret-2", Origin{})
		assert.ErrorIs(t, err, ErrBadCredentials)
	})
	wg.Wait()
	require.LessOrEqual(t, b.hashes.Load(), int32(hashesAtOnce+1), "those who waited use what the first found out")
}

// TestOneWrongSecretAtOnce: a program with an old secret and many workers does
// not fill the queue that others have to wait in.
func TestOneWrongSecretAtOnce(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	for range hashesAtOnce { // others are being hashed
		require.NoError(t, b.hasher.queue.enter(ctx, "", Origin{}))
	}
	before := b.pool.Stat().AcquireCount()
	var wg sync.WaitGroup
	const count = maxWaiting + 50
	for range count {
		wg.Go(func() {
			_, err := b.Authenticate(ctx, "nobody", "wrong", Origin{})
			assert.ErrorIs(t, err, ErrBadCredentials)
		})
	}
	require.Eventually(t, func() bool { return b.pool.Stat().AcquireCount() >= before+count }, 2*time.Minute, time.Millisecond)
	for range hashesAtOnce {
		b.hasher.queue.leave()
	}
	wg.Wait()
}

func TestKnownSecretDoesNotWait(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	require.NoError(t, b.Add(ctx, "a", "secret-1", []string{"system/*.rs"}))
	_, err := b.Authenticate(ctx, "a", "secret-1", Origin{})
	require.NoError(t, err)

	for range hashesAtOnce { // strangers are being hashed
		require.NoError(t, b.hasher.queue.enter(ctx, "", Origin{}))
	}
	_, err = b.Authenticate(ctx, "a", "secret-1", Origin{})
	require.NoError(t, err)
}

func TestFailuresAreNotRefusals(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	require.NoError(t, b.Add(ctx, "a", "secret-1", []string{"system/*.rs"}))

	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err := b.Authenticate(ended, "a", "secret-1", Origin{})
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, ErrBadCredentials)

	_, err = b.pool.Exec(ctx, `UPDATE sluice.client SET scopes = '{"patient/*.rs"}'`)
	require.NoError(t, err)
	_, err = b.Authenticate(ctx, "a", "secret-1", Origin{})
	require.ErrorIs(t, err, ErrInvalidScope)
	_, err = b.List(ctx)
	require.ErrorIs(t, err, ErrInvalidScope)

	_, err = b.pool.Exec(ctx, `UPDATE sluice.client SET secret_hash = 'secret-1'`)
	require.NoError(t, err)
	_, err = b.Authenticate(ctx, "a", "secret-1", Origin{})
	require.ErrorIs(t, err, errHash)

	b.pool.Close()
	_, err = b.Authenticate(ctx, "a", "secret-1", Origin{})
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrBadCredentials)
}
