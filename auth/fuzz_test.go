package auth

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzParseScope: a scope is rejected, or is kept as it was given.
func FuzzParseScope(f *testing.F) {
	for _, seed := range []string{"system/*.rs", "system/Patient.read", "system/*.*", "system/A.cruds", "patient/*.rs", "system/Patient.rs?x=y", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		scopes, err := ParseScopes([]string{text})
		if err == nil {
			require.Equal(t, text, scopes.String())
			require.Regexp(t, `^system/`, text)
		}
	})
}

// FuzzKeysURL: a URL of keys is rejected, or is an https URL without secrets except
// in its query, which is not logged.
func FuzzKeysURL(f *testing.F) {
	f.Add("https://client.example.org/jwks.json?x=y")
	f.Add("https://a:b@[::1]:443/#x")
	f.Fuzz(func(t *testing.T, address string) {
		if checkKeysURL(address, false) != nil {
			return
		}
		require.Regexp(t, `(?i)^https://`, address)
		require.NotContains(t, RedactURL(address), "?")
		require.NotEqual(t, "unreadable", RedactURL(address))
	})
}
