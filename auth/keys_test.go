package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

// The public key of the worked example of SMART App Launch 2.2, "Example Bulk
// Data Client", as that page prints it.
const publishedKey = `{"keys":[{"kty":"EC","crv":"P-384",
	"x":"wcE8O55ro6aOuTf5Ty1k_IG4mTcuLiVercHouge1G5Ri-leevhev4uJzlHpi3U8r",
	"y":"mLRgz8Giu6XA_AqG8bywqbygShmd8jowflrdx0KQtM5X4s4aqDeCRfcpexykp3aI",
	"kid":"afb27c284f2d93959c18fa0320e32060","alg":"ES384"}]}`

// newJWK returns a new public key.
func newJWK(t *testing.T, kid string) map[string]any {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	document, err := json.Marshal(jose.JSONWebKey{Key: private.Public(), KeyID: kid})
	require.NoError(t, err)
	var key map[string]any
	require.NoError(t, json.Unmarshal(document, &key))
	return key
}

// jwks returns a JWK Set of these keys.
func jwks(t *testing.T, keys ...map[string]any) []byte {
	t.Helper()
	document, err := json.Marshal(map[string]any{"keys": keys})
	require.NoError(t, err)
	return document
}

func TestParseKeys(t *testing.T) {
	t.Parallel()
	keys, err := ParseKeySet([]byte(publishedKey))
	require.NoError(t, err)
	require.Equal(t, []string{"afb27c284f2d93959c18fa0320e32060"}, keys.IDs())
	require.Len(t, keys.Find("afb27c284f2d93959c18fa0320e32060", "ES384"), 1)
	require.Empty(t, keys.Find("afb27c284f2d93959c18fa0320e32060", "RS384"))
	require.Empty(t, keys.Find("afb27c284f2d93959c18fa0320e32060", "ES256"))
	require.Empty(t, keys.Find("", "ES384"))
}

func TestKeysRefused(t *testing.T) {
	t.Parallel()
	es := func() map[string]any { return newJWK(t, "es") }
	rs := func(modulus string) map[string]any {
		return map[string]any{"kty": "RSA", "kid": "rs", "n": modulus, "e": "AQAB"}
	}
	change := func(key map[string]any, name string, value any) string {
		key[name] = value
		return string(jwks(t, key))
	}
	many := make([]map[string]any, maxKeys+1)
	for i := range many {
		many[i] = es()
	}
	for name, c := range map[string]struct{ document, want string }{
		"Nothing":    {"", "JWK Set"},
		"Array":      {"[]", "JWK Set"},
		"NoKeys":     {"{}", errNoKeys.Error()},
		"Private":    {change(es(), "d", es()["x"]), "private"},
		"Symmetric":  {`{"keys":[{"kty":"oct","kid":"o","k":"AAAA"}]}`, "private"},
		"NoKid":      {change(es(), "kid", nil), errNoKeys.Error()},
		"OtherAlg":   {change(es(), "alg", "ES256"), errNoKeys.Error()},
		"Encryption": {change(es(), "use", "enc"), errNoKeys.Error()},
		"OffCurve":   {change(es(), "x", es()["x"]), errNoKeys.Error()},
		"Weak":       {string(jwks(t, rs(strings.Repeat("_", 1024/6)))), errNoKeys.Error()},
		"LongRSA":    {string(jwks(t, rs(strings.Repeat("_", maxRSABits/6+100)))), errNoKeys.Error()},
		"Many":       {string(jwks(t, many...)), "more than"},
		"Large":      {strings.Repeat(" ", MaxKeySetBytes) + publishedKey, "larger"},
	} {
		_, err := ParseKeySet([]byte(c.document))
		require.ErrorContains(t, err, c.want, name)
	}
}

// FuzzParseKeys: a JWK Set is rejected, or has only usable public keys.
func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(publishedKey))
	f.Add([]byte(`{"keys":[{"kty":"RSA","kid":"r","n":"AQAB","e":"AQAB"},{"kty":"oct","k":"AA"},null,{}]}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		keys, err := ParseKeySet(document)
		if err != nil {
			require.Empty(t, keys)
			return
		}
		require.True(t, json.Valid(document))
		for _, key := range keys {
			require.True(t, key.IsPublic())
			require.Equal(t, string(algorithmOf(key)), key.Algorithm)
		}
	})
}
