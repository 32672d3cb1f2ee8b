package smart

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// audience is the token endpoint of the tests.
const audience = "https://sluice.example.org/auth/token"

// signer is a key of a client. It signs assertions with the standard library only,
// so that the JOSE library does not verify its own work.
type signer struct {
	kid, alg string
	private  crypto.Signer
}

var newRSA = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func newSigner(t *testing.T, kid, alg string) signer {
	t.Helper()
	var private crypto.Signer
	var err error
	switch alg {
	case "RS384", "RS256":
		private, err = newRSA()
	case "ES384":
		private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES256":
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	require.NoError(t, err)
	return signer{kid: kid, alg: alg, private: private}
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// jwk returns the public key as a client publishes it.
func (s signer) jwk() map[string]any {
	switch public := s.private.Public().(type) {
	case *rsa.PublicKey:
		return map[string]any{"kty": "RSA", "kid": s.kid, "alg": s.alg, "n": encode(public.N.Bytes()), "e": "AQAB"}
	case *ecdsa.PublicKey:
		point, err := public.Bytes() // 4, x, y (SEC 1, 2.3.3)
		if err != nil {
			panic(err)
		}
		x, y := point[1:1+len(point)/2], point[1+len(point)/2:]
		return map[string]any{"kty": "EC", "kid": s.kid, "crv": public.Params().Name, "x": encode(x), "y": encode(y)}
	}
	return nil
}

// jwks returns a JWK Set of these keys.
func jwks(t *testing.T, keys ...map[string]any) []byte {
	t.Helper()
	document, err := json.Marshal(map[string]any{"keys": keys})
	require.NoError(t, err)
	return document
}

// claims returns the claims of a valid assertion, with changes.
func claims(clientID string, changes ...map[string]any) map[string]any {
	all := map[string]any{
		"iss": clientID, "sub": clientID, "aud": audience, "jti": rand.Text(),
		"exp": time.Now().Add(4 * time.Minute).Unix(), "iat": time.Now().Unix(),
	}
	return with(all, changes...)
}

// with changes fields; nil removes one.
func with(all map[string]any, changes ...map[string]any) map[string]any {
	for _, change := range changes {
		maps.Copy(all, change)
	}
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	return all
}

// sign returns a JWT with the claims; headers change the default ones.
func (s signer) sign(t *testing.T, claims map[string]any, headers ...map[string]any) string {
	t.Helper()
	header := with(map[string]any{"alg": s.alg, "kid": s.kid, "typ": "JWT"}, headers...)
	head, err := json.Marshal(header)
	require.NoError(t, err)
	body, err := json.Marshal(claims)
	require.NoError(t, err)
	text := encode(head) + "." + encode(body)
	return text + "." + encode(s.signature(t, text))
}

// signature signs the text as RFC 7518, 3.3 and 3.4, describe.
func (s signer) signature(t *testing.T, text string) []byte {
	t.Helper()
	hash, digest := crypto.SHA384, sha512.Sum384([]byte(text))
	sum := digest[:]
	if s.alg == "RS256" || s.alg == "ES256" {
		short := sha256.Sum256([]byte(text))
		hash, sum = crypto.SHA256, short[:]
	}
	switch private := s.private.(type) {
	case *rsa.PrivateKey:
		signature, err := rsa.SignPKCS1v15(rand.Reader, private, hash, sum)
		require.NoError(t, err)
		return signature
	case *ecdsa.PrivateKey:
		r, other, err := ecdsa.Sign(rand.Reader, private, sum)
		require.NoError(t, err)
		size := (private.Params().BitSize + 7) / 8
		return append(r.FillBytes(make([]byte, size)), other.FillBytes(make([]byte, size))...)
	}
	return nil
}

// confuse signs with the public key as the secret of an HMAC.
func (s signer) confuse(t *testing.T, claims map[string]any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(s.private.Public())
	require.NoError(t, err)
	secret := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})

	head, err := json.Marshal(map[string]any{"alg": "HS256", "kid": s.kid, "typ": "JWT"})
	require.NoError(t, err)
	body, err := json.Marshal(claims)
	require.NoError(t, err)
	text := encode(head) + "." + encode(body)
	mac := hmac.New(sha256.New, secret)
	_, _ = mac.Write([]byte(text))
	return text + "." + encode(mac.Sum(nil))
}

// unsigned returns a JWT with the algorithm none.
func unsigned(t *testing.T, kid string, claims map[string]any) string {
	t.Helper()
	head, err := json.Marshal(map[string]any{"alg": "none", "kid": kid, "typ": "JWT"})
	require.NoError(t, err)
	body, err := json.Marshal(claims)
	require.NoError(t, err)
	return encode(head) + "." + encode(body) + "."
}
