package auth

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The public key of the worked example of SMART App Launch 2.2, "Example Bulk
// Data Client", as that page prints it.
const publishedKey = `{"keys":[{"kty":"EC","crv":"P-384",
	"x":"wcE8O55ro6aOuTf5Ty1k_IG4mTcuLiVercHouge1G5Ri-leevhev4uJzlHpi3U8r",
	"y":"mLRgz8Giu6XA_AqG8bywqbygShmd8jowflrdx0KQtM5X4s4aqDeCRfcpexykp3aI",
	"kid":"afb27c284f2d93959c18fa0320e32060","alg":"ES384"}]}`

func TestParseKeys(t *testing.T) {
	t.Parallel()
	keys, err := parseKeys([]byte(publishedKey))
	require.NoError(t, err)
	require.Equal(t, []string{"afb27c284f2d93959c18fa0320e32060"}, keys.ids())
	require.Len(t, keys.find("afb27c284f2d93959c18fa0320e32060", "ES384"), 1)
	require.Empty(t, keys.find("afb27c284f2d93959c18fa0320e32060", "RS384"))
	require.Empty(t, keys.find("afb27c284f2d93959c18fa0320e32060", "ES256"))
	require.Empty(t, keys.find("", "ES384"))
}

func TestKeysRefused(t *testing.T) {
	t.Parallel()
	es, rs := newSigner(t, "es", "ES384"), newSigner(t, "rs", "RS384")
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	change := func(key map[string]any, name string, value any) string {
		return string(jwks(t, with(key, map[string]any{name: value})))
	}
	many := make([]map[string]any, maxKeys+1)
	for i := range many {
		many[i] = es.jwk()
	}
	for name, c := range map[string]struct{ document, want string }{
		"Nothing":    {"", "JWK Set"},
		"Array":      {"[]", "JWK Set"},
		"NoKeys":     {"{}", errNoKeys.Error()},
		"Private":    {change(es.jwk(), "d", es.jwk()["x"]), "private"},
		"Symmetric":  {`{"keys":[{"kty":"oct","kid":"o","k":"AAAA"}]}`, "private"},
		"NoKid":      {change(es.jwk(), "kid", nil), errNoKeys.Error()},
		"Encryption": {change(es.jwk(), "use", "enc"), errNoKeys.Error()},
		"OffCurve":   {change(es.jwk(), "x", newSigner(t, "x", "ES384").jwk()["x"]), errNoKeys.Error()},
		"Weak":       {string(jwks(t, signer{kid: "w", alg: "RS384", private: weak}.jwk())), errNoKeys.Error()},
		"LongRSA":    {change(rs.jwk(), "n", strings.Repeat("_", maxRSA/6+100)), errNoKeys.Error()},
		"Many":       {string(jwks(t, many...)), "more than"},
		"Large":      {strings.Repeat(" ", maxJWKS) + publishedKey, "larger"},
	} {
		_, err := parseKeys([]byte(c.document))
		require.ErrorContains(t, err, c.want, name)
	}
}

// FuzzParseKeys: a JWK Set comes from a stranger's server.
func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(publishedKey))
	f.Add([]byte(`{"keys":[{"kty":"RSA","kid":"r","n":"AQAB","e":"AQAB"},{"kty":"oct","k":"AA"},null,{}]}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		keys, err := parseKeys(document)
		if err != nil {
			require.Empty(t, keys)
			return
		}
		require.True(t, json.Valid(document))
		for _, key := range keys {
			require.True(t, key.IsPublic())
			require.True(t, usable(key))
		}
	})
}
