package auth

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/argon2"
)

func TestNewSecret(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		secret := NewSecret()
		require.Regexp(t, `^[A-Za-z0-9_-]{43}$`, secret)
		require.False(t, seen[secret])
		seen[secret] = true
	}
}

// TestVerifyKnownHash uses a hash of argon2's reference implementation.
func TestVerifyKnownHash(t *testing.T) {
	t.Parallel()
	const known = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	h := newHasher()

	right, err := h.verify(known, "password")
	require.NoError(t, err)
	require.True(t, right)
	right, err = h.verify(known, "passwore")
	require.NoError(t, err)
	require.False(t, right)
}

func TestHash(t *testing.T) {
	t.Parallel()
	h := newHasher()
	first, err := h.hash(t.Context(), "correct horse")
	require.NoError(t, err)
	second, err := h.hash(t.Context(), "correct horse")
	require.NoError(t, err)

	require.Regexp(t, `^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`, first)
	require.NotEqual(t, first, second, "each has a salt of its own")
	right, err := h.verify(second, "correct horse")
	require.NoError(t, err)
	require.True(t, right)
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
		right, err := h.verify(strings.Replace(good, change[0], change[1], 1), "password")
		require.ErrorIs(t, err, errHash, change)
		require.False(t, right, change)
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
		if now == hashesAtOnce {
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
			_, err := h.hash(t.Context(), "secret")
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	require.EqualValues(t, hashesAtOnce, most.Load())
}

// verify reports whether secret belongs to the stored hash. The caller has
// its turn.
func (h *hasher) verify(stored, secret string) (bool, error) {
	fits, err := h.verifyAny([]string{stored}, secret)
	return fits == 0, err
}
