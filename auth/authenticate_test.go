package auth

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAuthenticateRefuses(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	require.NoError(t, b.Add(ctx, "a", "hushhush", []string{"system/*.rs"}))
	_, err := b.login(ctx, "a", "hushhush")
	require.NoError(t, err)

	texts := map[string]bool{}
	for _, c := range [][2]string{
		{"a", "hushhusg"}, {"a", ""}, {"a", "hushhush "}, {"a", "hushhush\x00"}, {"a", "HUSHHUSH"},
		{"A", "hushhush"}, {"", ""}, {"", "hushhush"}, {"b", "hushhush"}, {"a\x00", "hushhush"}, {"a\xff", "hushhush"},
		{"' OR true --", "hushhush"}, {"%", "hushhush"},
	} {
		before := b.hashes.Load()
		client, err := b.login(ctx, c[0], c[1])
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

func TestVerifiedSecretIsNotHashedAgain(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	require.NoError(t, b.Add(ctx, "a", "secret-1", []string{"system/*.rs"}))
	require.NoError(t, b.Add(ctx, "b", "secret-1", []string{"system/Patient.rs"}))
	b.hashes.Store(0)

	for range 3 {
		_, err := b.login(ctx, "a", "secret-1")
		require.NoError(t, err)
	}
	require.EqualValues(t, 1, b.hashes.Load())

	_, err := b.login(ctx, "a", "secret-2")
	require.ErrorIs(t, err, ErrBadCredentials, "a right secret opens no door to a wrong one")
	_, err = b.login(ctx, "b", "secret-1")
	require.NoError(t, err)
	require.EqualValues(t, 3, b.hashes.Load(), "what is known of one client says nothing of another")
}

func TestChangesAreSeenAtOnce(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	elsewhere, _ := another(b.pool)
	rs := []string{"system/*.rs"}
	require.NoError(t, b.Add(ctx, "a", "secret-1", rs))
	_, err := b.login(ctx, "a", "secret-1")
	require.NoError(t, err)

	// Another process gives the client another secret, then other scopes.
	require.NoError(t, elsewhere.Remove(ctx, "a"))
	_, err = b.login(ctx, "a", "secret-1")
	require.ErrorIs(t, err, ErrBadCredentials)
	require.NoError(t, elsewhere.Add(ctx, "a", "secret-2", rs))
	_, err = b.login(ctx, "a", "secret-1")
	require.ErrorIs(t, err, ErrBadCredentials)
	_, err = b.login(ctx, "a", "secret-2")
	require.NoError(t, err)

	_, err = b.pool.Exec(ctx, `UPDATE sluice.client SET scopes = '{system/Patient.rs}'`)
	require.NoError(t, err)
	client, err := b.login(ctx, "a", "secret-2")
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
			_, err := b.login(ctx, "a", "secret-1")
			assert.NoError(t, err)
		})
	}
	wg.Go(func() {
		_, err := b.login(ctx, "a", "secret-2")
		assert.ErrorIs(t, err, ErrBadCredentials)
	})
	wg.Wait()
	require.LessOrEqual(t, b.hashes.Load(), int32(2), "concurrent logins share a hash")
}

// occupy takes all slots of the hasher, until it is called back.
func (b *testBundle) occupy(t *testing.T) (release func()) {
	t.Helper()
	require.NoError(t, b.hasher.slots.Acquire(t.Context(), maxConcurrentHashes))
	return func() { b.hasher.slots.Release(maxConcurrentHashes) }
}

// TestOneWrongSecretAtOnce: a program with an old secret and many workers takes
// one slot of the hasher.
func TestOneWrongSecretAtOnce(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	release := b.occupy(t)
	before := b.pool.Stat().AcquireCount()
	var wg sync.WaitGroup
	const count = 300
	for range count {
		wg.Go(func() {
			_, err := b.login(ctx, "nobody", "wrong")
			var limited *LimitError
			if !errors.As(err, &limited) { // on a machine so slow that the wait ends first
				assert.ErrorIs(t, err, ErrBadCredentials)
			}
		})
	}
	require.Eventually(t, func() bool { return b.pool.Stat().AcquireCount() >= before+count }, 2*time.Minute, time.Millisecond)
	release()
	wg.Wait()
	require.LessOrEqual(t, b.hashes.Load(), int32(count/10), "concurrent logins share a hash")
}

// TestVerifiedSecretDoesNotWait: while others are being hashed, a verified secret
// and a generated one are accepted at once.
func TestVerifiedSecretDoesNotWait(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	generated := NewSecret()
	require.NoError(t, b.Add(ctx, "a", "secret-1", []string{"system/*.rs"}))
	require.NoError(t, b.Add(ctx, "b", generated, []string{"system/*.rs"}))
	_, err := b.login(ctx, "a", "secret-1")
	require.NoError(t, err)

	defer b.occupy(t)()
	_, err = b.login(ctx, "a", "secret-1")
	require.NoError(t, err)
	_, err = b.login(ctx, "b", generated)
	require.NoError(t, err)
	_, err = b.login(ctx, "b", NewSecret())
	require.ErrorIs(t, err, ErrBadCredentials)
	_, err = b.login(ctx, "nobody", NewSecret())
	require.ErrorIs(t, err, ErrBadCredentials)
}

// TestCostDependsOnTheSecretOnly: neither the number of hashes nor the answer
// reveals whether a client exists or which kind of secret it has.
func TestCostDependsOnTheSecretOnly(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	require.NoError(t, b.Add(ctx, "chosen", "secret-1", []string{"system/*.rs"}))
	require.NoError(t, b.Add(ctx, "generated", NewSecret(), []string{"system/*.rs"}))
	require.NoError(t, b.Register(ctx, Registration{ID: "keys", Keys: Keys{JWKS: jwks(t, newJWK(t, "k"))}, Scopes: []string{"system/*.rs"}}))
	require.NoError(t, b.Add(ctx, "expired", "secret-1", []string{"system/*.rs"}))
	require.NoError(t, b.Expire(ctx, "expired", time.Now().Add(-time.Minute)))
	for secret, want := range map[string]int32{"wrong one": 1, "": 1, NewSecret(): 0} {
		for _, id := range []string{"chosen", "generated", "keys", "expired", "nobody", "no:body"} {
			b.hashes.Store(0)
			_, err := b.login(ctx, id, secret)
			require.ErrorIs(t, err, ErrBadCredentials, id)
			require.Equal(t, want, b.hashes.Load(), id+" "+secret)
		}
	}
}

// fakeLimiter allows a number of failed logins.
type fakeLimiter struct{ left int }

func (f *fakeLimiter) Take(string, string) time.Duration {
	if f.left == 0 {
		return time.Minute
	}
	f.left--
	return 0
}
func (f *fakeLimiter) Refund(string, string) { f.left++ }

// TestFailedLoginsAreLimited: only failures count, and neither a generated secret
// nor one that was verified is rejected because of the failures of others.
func TestFailedLoginsAreLimited(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	generated := NewSecret()
	require.NoError(t, b.Add(ctx, "a", "secret-1", []string{"system/*.rs"}))
	require.NoError(t, b.Add(ctx, "b", generated, []string{"system/*.rs"}))
	require.NoError(t, b.Add(ctx, "c", "secret-1", []string{"system/*.rs"}))
	limiter := &fakeLimiter{left: 3}
	login := func(id, secret string) error {
		_, err := b.Authenticate(ctx, Login{ID: id, Secret: secret}, limiter)
		return err
	}
	require.NoError(t, login("a", "secret-1"))
	require.NoError(t, login("b", generated))
	require.Equal(t, 3, limiter.left)
	require.ErrorIs(t, login("a", "wrong"), ErrBadCredentials)
	require.ErrorIs(t, login("b", NewSecret()), ErrBadCredentials)
	require.ErrorIs(t, login("nobody", "wrong"), ErrBadCredentials)
	require.Zero(t, limiter.left)

	b.hashes.Store(0)
	for _, c := range [][2]string{{"a", "wrong"}, {"c", "secret-1"}, {"b", NewSecret()}, {"nobody", "wrong"}} {
		var limited *LimitError
		require.ErrorAs(t, login(c[0], c[1]), &limited, c)
		require.Equal(t, time.Minute, limited.RetryAfter)
		require.False(t, limited.Busy)
	}
	require.Zero(t, b.hashes.Load(), "the limit is checked before the hash")
	require.NoError(t, login("a", "secret-1"))
	require.NoError(t, login("b", generated))
}

// TestConcurrentGuesses: logins that have not ended count as failed.
func TestConcurrentGuesses(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	require.NoError(t, b.Add(ctx, "a", "secret-1", []string{"system/*.rs"}))
	var limiter lockedLimiter
	limiter.left = 10
	b.hashes.Store(0)
	var guessing sync.WaitGroup
	for i := range 100 {
		guessing.Go(func() { _, _ = b.Authenticate(ctx, Login{ID: "a", Secret: fmt.Sprint("guess ", i)}, &limiter) })
	}
	guessing.Wait()
	require.LessOrEqual(t, b.hashes.Load(), int32(10))
	require.Positive(t, b.hashes.Load())
}

// lockedLimiter is a fakeLimiter for concurrent use.
type lockedLimiter struct {
	fakeLimiter
	mu sync.Mutex
}

func (l *lockedLimiter) Take(client, address string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fakeLimiter.Take(client, address)
}

func (l *lockedLimiter) Refund(client, address string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fakeLimiter.Refund(client, address)
}

// awaitLogin waits until no login with this chosen secret is being verified.
func (b *testBundle) awaitLogin(t *testing.T, id, secret string) {
	t.Helper()
	found, err := find(t.Context(), b.pool, selectClient, id)
	require.NoError(t, err)
	key := b.verified.loginKey(id, found.validHashes(), secret)
	_, err, _ = b.inFlight.Do(string(key[:]), func() (any, error) { return nil, nil })
	require.NoError(t, err)
}

// TestAbandonedLoginsCount: a client that closes its connection has made the
// server hash all the same.
func TestAbandonedLoginsCount(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.Add(t.Context(), "a", "secret-1", []string{"system/*.rs"}))
	var limiter lockedLimiter
	limiter.left = 1
	release := b.occupy(t)
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := b.Authenticate(ctx, Login{ID: "a", Secret: "wrong"}, &limiter)
		left <- err
	}()
	require.Eventually(t, func() bool {
		limiter.mu.Lock()
		defer limiter.mu.Unlock()
		return limiter.left == 0
	}, 2*time.Minute, time.Millisecond)
	leave()
	require.ErrorIs(t, <-left, context.Canceled)
	release()
	b.awaitLogin(t, "a", "wrong")
	require.Positive(t, limiter.Take("a", ""))
}

func TestFailuresAreNotRefusals(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	require.NoError(t, b.Add(ctx, "a", "secret-1", []string{"system/*.rs"}))

	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err := b.login(ended, "a", "secret-1")
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, ErrBadCredentials)

	_, err = b.pool.Exec(ctx, `UPDATE sluice.client SET scopes = '{"patient/*.rs"}'`)
	require.NoError(t, err)
	_, err = b.login(ctx, "a", "secret-1")
	require.ErrorIs(t, err, ErrInvalidScope)
	_, err = b.List(ctx)
	require.ErrorIs(t, err, ErrInvalidScope)

	_, err = b.pool.Exec(ctx, `UPDATE sluice.client SET secret_hash = 'secret-1'`)
	require.NoError(t, err)
	_, err = b.login(ctx, "a", "secret-1")
	require.ErrorIs(t, err, errHash)

	b.pool.Close()
	_, err = b.login(ctx, "a", "secret-1")
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrBadCredentials)
}

// TestErrorsNameNoID: the id of a login may be a secret in the wrong field, and errors
// are logged. That of a client that exists is returned apart.
func TestErrorsNameNoID(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.Add(t.Context(), "a", "secret-1", []string{"system/*.rs"}))
	defer b.occupy(t)()
	for id, known := range map[string]string{"a": "a", "a secret in the wrong field": ""} {
		ctx, leave := context.WithTimeout(t.Context(), 50*time.Millisecond)
		client, err := b.Authenticate(ctx, Login{ID: id, Secret: "wrong"}, &lockedLimiter{fakeLimiter: fakeLimiter{left: 9}})
		leave()
		require.Error(t, err)
		require.NotContains(t, err.Error(), "wrong field")
		require.Equal(t, known, client.ID)
	}
}

// recordingLimiter records the client of each failed login.
type recordingLimiter struct{ clients []string }

func (l *recordingLimiter) Take(client, _ string) time.Duration {
	l.clients = append(l.clients, client)
	return 0
}

func (*recordingLimiter) Refund(string, string) {}

// TestWrongGeneratedSecretsCountPerAddress: they are cheap, so with invented ids they
// could displace the counters of clients.
func TestWrongGeneratedSecretsCountPerAddress(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var limiter recordingLimiter
	for _, secret := range []string{NewSecret(), "chosen"} {
		_, err := b.Authenticate(t.Context(), Login{ID: "invented", Secret: secret}, &limiter)
		require.ErrorIs(t, err, ErrBadCredentials)
	}
	require.Equal(t, []string{"", "invented"}, limiter.clients)
}

// TestRevokedWhileVerified: a client that is revoked while its login waits for a hash
// is rejected.
func TestRevokedWhileVerified(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.Add(t.Context(), "a", "secret-1", []string{"system/*.rs"}))
	release := b.occupy(t)
	limiter := &lockedLimiter{fakeLimiter: fakeLimiter{left: 1}}
	done := make(chan error, 1)
	go func() {
		_, err := b.Authenticate(t.Context(), Login{ID: "a", Secret: "secret-1"}, limiter)
		done <- err
	}()
	require.Eventually(t, func() bool {
		limiter.mu.Lock()
		defer limiter.mu.Unlock()
		return limiter.left == 0
	}, 2*time.Minute, time.Millisecond, "the login waits")
	require.NoError(t, b.Revoke(t.Context(), "a"))
	release()
	require.ErrorIs(t, <-done, ErrBadCredentials)
}
