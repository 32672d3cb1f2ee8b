package auth

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNewSecret(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		secret := NewSecret()
		require.Regexp(t, `^sluice_[A-Za-z0-9_-]{48}$`, secret)
		require.False(t, seen[secret])
		seen[secret] = true
		require.True(t, isGenerated(secret))
	}
}

// TestIsGenerated: what a person makes up in the form of a generated secret is not
// taken for one.
func TestIsGenerated(t *testing.T) {
	t.Parallel()
	secret := NewSecret()
	for _, other := range []string{
		"", "secret", secretPrefix, secret[1:], secret[:len(secret)-1], secret + "A", secret + "\n", "Sluice_" + secret[len(secretPrefix):],
		secretPrefix + strings.Repeat("a", 48), secretPrefix + strings.Repeat("a", 43),
		secretPrefix + base64.RawURLEncoding.EncodeToString(make([]byte, secretRandomBytes)),
		strings.Replace(secret, secret[20:21], "!", 1),
	} {
		require.False(t, isGenerated(other), other)
	}
}

func TestMatchesGenerated(t *testing.T) {
	t.Parallel()
	secret, other := NewSecret(), NewSecret()
	require.True(t, matchesGenerated([]string{hashGenerated(secret)}, secret))
	require.True(t, matchesGenerated([]string{hashGenerated(other), hashGenerated(secret)}, secret))
	require.True(t, matchesGenerated([]string{"$argon2id$", hashGenerated(secret)}, secret))
	require.False(t, matchesGenerated([]string{hashGenerated(other)}, secret))
	require.False(t, matchesGenerated(nil, secret))
	require.Equal(t, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", hashGenerated("abc"))
}

// FuzzIsGenerated: a secret of the form is what NewSecret could have returned.
func FuzzIsGenerated(f *testing.F) {
	f.Add(NewSecret())
	f.Add(secretPrefix)
	f.Fuzz(func(t *testing.T, secret string) {
		if isGenerated(secret) {
			require.Regexp(t, `^sluice_[A-Za-z0-9_-]{48}$`, secret)
		}
	})
}
