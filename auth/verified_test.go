package auth

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestVerifiedSecretExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := newVerifiedSecrets()
		login := v.loginKey("id", []string{"hash"}, "secret")
		require.False(t, v.has(login))

		v.add(login, "hash")
		time.Sleep(time.Minute - time.Nanosecond) // the bubble's clock: no time passes
		require.True(t, v.has(login), "use does not prolong it")
		time.Sleep(time.Nanosecond)
		require.False(t, v.has(login))
	})
}

func TestVerifiedSecretsAreBounded(t *testing.T) {
	t.Parallel()
	v := newVerifiedSecrets()
	var last loginKey
	for i := range 2 * maxVerified {
		last = v.loginKey(strconv.Itoa(i), []string{"hash"}, "secret")
		v.add(last, "hash")
	}
	require.Equal(t, maxVerified, v.logins.Len())
	require.True(t, v.has(last), "the newest is kept")
}

func TestLoginKeys(t *testing.T) {
	t.Parallel()
	v := newVerifiedSecrets()
	key := v.loginKey("id", []string{"hash"}, "secret")
	require.Equal(t, key, v.loginKey("id", []string{"hash"}, "secret"))
	for _, other := range []struct {
		id     string
		hashes []string
		secret string
	}{
		{"id2", []string{"hash"}, "secret"},
		{"id", []string{"hash2"}, "secret"},
		{"id", []string{"hash"}, "secret2"},
		{"i", []string{"dhash"}, "secret"},
		{"id", []string{"has"}, "hsecret"},
		{"id", []string{"hash"}, ""},
		{"id", []string{"hash", "previous"}, "secret"},
	} {
		require.NotEqual(t, key, v.loginKey(other.id, other.hashes, other.secret), other)
	}
	require.NotEqual(t, key, newVerifiedSecrets().loginKey("id", []string{"hash"}, "secret"), "each process has its own key")
}

func (v *verifiedSecrets) has(login loginKey) bool {
	_, ok := v.get(login)
	return ok
}
