package smart

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// FuzzParseAssertion: any text is rejected, or is an assertion for this endpoint that
// has not expired.
func FuzzParseAssertion(f *testing.F) {
	f.Add("eyJhbGciOiJFUzM4NCIsImtpZCI6ImsifQ.e30.AAAA")
	f.Add("eyJhbGciOiJub25lIiwia2lkIjoiayJ9.eyJpc3MiOiJhIn0.")
	f.Add(encode([]byte(`{"alg":"ES384","kid":"k","typ":"JWT"}`)) + "." +
		encode([]byte(`{"iss":"a","sub":"a","aud":["`+audience+`"],"exp":1700000100,"jti":"1","nbf":1e9}`)) + ".AAAA")
	now := time.Unix(1_700_000_000, 0)
	f.Fuzz(func(t *testing.T, text string) {
		a, err := parseAssertion(text, audience, now)
		if err != nil {
			return
		}
		require.Contains(t, Algorithms, a.algorithm)
		require.NotEmpty(t, a.claims.Subject)
		require.NotEmpty(t, a.kid)
		require.True(t, a.claims.Audience.Contains(audience))
		require.WithinRange(t, a.claims.Expiry.Time(), now.Add(-clockSkew), now.Add(maxExpiry+clockSkew))
	})
}
