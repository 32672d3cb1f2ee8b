package auth

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/argon2"
)

// TestVerifyKnownHash uses a hash of argon2's reference implementation.
func TestVerifyKnownHash(t *testing.T) {
	t.Parallel()
	const known = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	h := newHasher()

	matching, err := h.verify(t.Context(), []string{known}, "password")
	require.NoError(t, err)
	require.Equal(t, known, matching)
	matching, err = h.verify(t.Context(), []string{known}, "passwore")
	require.NoError(t, err)
	require.Empty(t, matching)
}

func TestHash(t *testing.T) {
	t.Parallel()
	h := newHasher()
	first := h.hash("correct horse")
	second := h.hash("correct horse")

	require.Regexp(t, `^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`, first)
	require.NotEqual(t, first, second, "each has a salt of its own")
	other := h.hash("another")
	matching, err := h.verify(t.Context(), []string{other, second}, "correct horse")
	require.NoError(t, err)
	require.Equal(t, second, matching)
}

func TestVerifyRefusesStrangeHashes(t *testing.T) {
	t.Parallel()
	h := newHasher()
	h.derive = func([]byte, []byte, uint32, uint32, uint8, uint32) []byte {
		t.Error("a strange hash must not be computed")
		return nil
	}
	const good = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	for _, change := range [][2]string{
		{good, ""}, {good, "secret"}, {good, "$2b$12$abcdefghijklmnopqrstuv"},
		{"argon2id", "argon2i"}, {"v=19", "v=16"}, {"m=65536", "m=4194304"}, {"t=2", "t=0"}, {"t=2", "t=1000000"},
		{"p=1", "p=0"}, {"p=1", "p=255"}, {"p=1", "p=1,x"}, {"m=65536,", "m=65536, "}, {"m=65536", "m=-1"},
		{"CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "CTFh"}, {"c29tZXNhbHQ", "%%%"}, {"PPc", "PPc$"}, {"PPc", "PPc="},
	} {
		matching, err := h.verify(t.Context(), []string{strings.Replace(good, change[0], change[1], 1)}, "password")
		require.ErrorIs(t, err, errHash, change)
		require.Empty(t, matching, change)
	}
}

func TestHashingIsBounded(t *testing.T) {
	t.Parallel()
	h := newHasher()
	var running, most atomic.Int32
	both := make(chan struct{})
	h.derive = func(secret, salt []byte, passes, _ uint32, threads uint8, length uint32) []byte {
		now := running.Add(1)
		defer running.Add(-1)
		for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
		}
		if now == maxConcurrentHashes {
			select {
			case <-both:
			default:
				close(both)
			}
		}
		<-both // until as many run as may
		return argon2.IDKey(secret, salt, passes, 64, threads, length)
	}

	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			_, err := h.verify(t.Context(), []string{dummyHash}, "secret")
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	require.EqualValues(t, maxConcurrentHashes, most.Load())
}

// TestWaitForHashIsBounded: a login that waits too long for a slot is rejected, and
// told when to come back.
func TestWaitForHashIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHasher()
		require.NoError(t, h.slots.Acquire(t.Context(), maxConcurrentHashes))
		begin := time.Now()
		verified := make(chan error, 1)
		go func() {
			_, err := h.verify(t.Context(), []string{dummyHash}, "secret")
			verified <- err
		}()
		synctest.Wait()
		clients := &Clients{hasher: h}
		require.Equal(t, 1, clients.Waiting())
		err := <-verified
		require.Zero(t, clients.Waiting())
		var limited *LimitError
		require.ErrorAs(t, err, &limited)
		require.True(t, limited.Busy)
		require.Positive(t, limited.RetryAfter)
		require.Equal(t, maxHashWait, time.Since(begin)) // the bubble's clock: no time passes

		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = h.verify(ended, []string{dummyHash}, "secret")
		require.ErrorIs(t, err, context.Canceled)
		h.slots.Release(1)
		_, err = h.verify(t.Context(), []string{dummyHash}, "secret")
		require.NoError(t, err)
	})
}

// TestDummyHash: the dummy costs as much as a stored hash, and no secret matches.
func TestDummyHash(t *testing.T) {
	t.Parallel()
	h := newHasher()
	c, salt, hash, err := parseHash(h.hash("secret"))
	require.NoError(t, err)
	dummyCost, dummySalt, dummy, err := parseHash(dummyHash)
	require.NoError(t, err)
	require.Equal(t, c, dummyCost)
	require.Len(t, dummySalt, len(salt))
	require.Len(t, dummy, len(hash))
}
