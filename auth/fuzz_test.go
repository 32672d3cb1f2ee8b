package auth

import (
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

// FuzzParseAssertion: whatever is sent in place of an assertion, it is refused
// or is one for this endpoint that can still be used.
func FuzzParseAssertion(f *testing.F) {
	f.Add("eyJhbGciOiJFUzM4NCIsImtpZCI6ImsifQ.e30.AAAA")
	f.Add("eyJhbGciOiJub25lIiwia2lkIjoiayJ9.eyJpc3MiOiJhIn0.")
	f.Add(encode([]byte(`{"alg":"ES384","kid":"k","typ":"JWT"}`)) + "." +
		encode([]byte(`{"iss":"a","sub":"a","aud":["`+audience+`"],"exp":1700000100,"jti":"1","nbf":1e9}`)) + ".AAAA")
	now := time.Unix(1_700_000_000, 0)
	f.Fuzz(func(t *testing.T, text string) {
		a, err := parseAssertion(text, []jose.SignatureAlgorithm{jose.RS384, jose.ES384}, []string{audience}, now)
		if err != nil {
			return
		}
		require.Contains(t, []jose.SignatureAlgorithm{jose.RS384, jose.ES384}, a.algorithm)
		require.NotEmpty(t, a.claims.Subject)
		require.NotEmpty(t, a.keyID)
		require.True(t, a.claims.Audience.Contains(audience))
		require.WithinRange(t, a.claims.Expiry.Time(), now.Add(-skew), now.Add(maxAhead+skew))
	})
}

// FuzzParseScope: a scope is refused, or reads as it was written.
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

// FuzzClaimedBy: what an assertion claims is no client's id, or could be one.
func FuzzClaimedBy(f *testing.F) {
	f.Add("x." + encode([]byte(`{"sub":"a"}`)) + ".y")
	f.Add("." + encode([]byte(`{"sub":"a\u0000b","Sub":"c"}`)))
	f.Fuzz(func(t *testing.T, text string) {
		if id := ClaimedBy(text); id != "" {
			require.True(t, validID(id))
		}
	})
}

// FuzzKeysURL: an address of keys is refused, or is one of https without what
// could be a secret but its query, which no log has.
func FuzzKeysURL(f *testing.F) {
	f.Add("https://client.example.org/jwks.json?x=y")
	f.Add("https://a:b@[::1]:443/#x")
	f.Fuzz(func(t *testing.T, address string) {
		if checkKeysURL(address, false) != nil {
			return
		}
		require.Regexp(t, `(?i)^https://`, address)
		require.NotContains(t, withoutQuery(address), "?")
		require.NotEqual(t, "unreadable", withoutQuery(address))
	})
}
