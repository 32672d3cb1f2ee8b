package login_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/fetch/login"
)

// openssl runs OpenSSL, which is the oracle of the formats of keys.
func openssl(t *testing.T, args ...string) []byte {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("needs openssl")
	}
	out, err := exec.CommandContext(t.Context(), path, args...).Output()
	require.NoError(t, err, strings.Join(args, " "))
	return out
}

func write(t *testing.T, content []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(file, content, 0o600))
	return file
}

// TestPEM logs in with keys that OpenSSL made.
func TestPEM(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		begins, algorithm string
		args              []string
	}{
		"PKCS1":    {"-----BEGIN RSA PRIVATE KEY", "RS384", []string{"genrsa", "-traditional", "2048"}},
		"PKCS8RSA": {"-----BEGIN PRIVATE KEY", "RS384", []string{"genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"}},
		"SEC1":     {"-----BEGIN EC PARAMETERS", "ES384", []string{"ecparam", "-name", "secp384r1", "-genkey"}},
		"PKCS8EC":  {"-----BEGIN PRIVATE KEY", "ES384", []string{"genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			document := openssl(t, c.args...)
			require.Truef(t, strings.HasPrefix(string(document), c.begins), "begins with %.30s", document)
			file := write(t, document)
			block, _ := pem.Decode(openssl(t, "pkey", "-in", file, "-pubout"))
			public, err := x509.ParsePKIXPublicKey(block.Bytes)
			require.NoError(t, err)

			s := newServer(t, httptest.NewServer)
			l, err := s.login(t, login.Options{ClientID: clientID, KeyFile: file, KeyID: "k1", TokenURL: s.URL + "/token"})
			require.NoError(t, err)
			got, err := authorization(t, l)
			require.NoError(t, err)
			require.Equal(t, "Bearer token", got)
			header, _ := verify(t, s.sent()[0], public, s.URL+"/token")
			require.Equal(t, c.algorithm, header.Algorithm)
			require.Equal(t, "k1", header.KeyID)
			require.Equal(t, "JWT", header.ExtraHeaders[jose.HeaderType])
		})
	}
}

func TestKeysRefused(t *testing.T) {
	t.Parallel()
	two := jwkSet(t, newJWK(t, "a", elliptic.P384()), newJWK(t, "b", elliptic.P384()))
	for name, c := range map[string]struct {
		document []byte
		kid, err string
	}{
		"Empty":      {nil, "k", "not a JWK Set, a JWK or PEM"},
		"Nonsense":   {[]byte("nonsense"), "k", "not a JWK Set, a JWK or PEM"},
		"EmptySet":   {[]byte(`{"keys":[]}`), "", "the JWK Set has no suitable key: it is empty"},
		"Broken":     {[]byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), "k", "PRIVATE KEY: not a valid key"},
		"Encrypted":  {openssl(t, "genrsa", "-aes256", "-passout", "pass:secret", "2048"), "k", "encrypted"},
		"Encrypted1": {openssl(t, "genrsa", "-traditional", "-aes256", "-passout", "pass:secret", "2048"), "k", "encrypted"},
		"Short":      {openssl(t, "genrsa", "1024"), "k", "at least 2048 bits, got 1024"},
		"P256":       {openssl(t, "ecparam", "-name", "prime256v1", "-genkey"), "k", "P-384 (ES384), got P-256"},
		"Ed25519":    {openssl(t, "genpkey", "-algorithm", "ed25519"), "k", "must be RSA (RS384) or EC P-384 (ES384)"},
		"Public":     {openssl(t, "pkey", "-pubout", "-in", write(t, openssl(t, "genrsa", "2048"))), "k", "PUBLIC KEY: not a private key"},
		"NoKid":      {openssl(t, "genrsa", "2048"), "", "the key has no kid"},
		"PublicJWK":  {jwkSet(t, public(newJWK(t, "a", elliptic.P384()))), "", "a public key"},
		"Symmetric":  {[]byte(`{"kty":"oct","kid":"a","k":"c2VjcmV0c2VjcmV0"}`), "", "must be RSA (RS384) or EC P-384 (ES384)"},
		"P256JWK":    {jwkSet(t, newJWK(t, "a", elliptic.P256())), "", "P-384"},
		"Use":        {[]byte(strings.Replace(string(jwkSet(t, newJWK(t, "a", elliptic.P384()))), `"sig"`, `"enc"`, 1)), "", `use must be sig, got "enc"`},
		"Algorithm":  {[]byte(strings.Replace(string(jwkSet(t, newJWK(t, "a", elliptic.P384()))), `"sig"`, `"sig","alg":"ES512"`, 1)), "", `alg must be ES384, got "ES512"`},
		"TwoKeys":    {two, "", "2 suitable keys; select one by its key id (--kid): a, b"},
		"OnlyOther":  {jwkSet(t, newJWK(t, "a", elliptic.P384())), "c", `one suitable key with the kid "c", got 0; its keys: a`},
		"OtherKid":   {two, "c", `one suitable key with the kid "c", got 0; its keys: a, b`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, httptest.NewServer)
			_, err := s.login(t, login.Options{ClientID: clientID, KeyFile: write(t, c.document), KeyID: c.kid, TokenURL: s.URL + "/token"})
			require.ErrorContains(t, err, c.err)
			require.NotErrorIs(t, err, login.ErrRefused)
		})
	}
}

func newJWK(t *testing.T, kid string, curve elliptic.Curve) jose.JSONWebKey {
	t.Helper()
	private, err := ecdsa.GenerateKey(curve, rand.Reader)
	require.NoError(t, err)
	return jose.JSONWebKey{Key: private, KeyID: kid, Use: "sig"}
}

func public(key jose.JSONWebKey) jose.JSONWebKey { return key.Public() }

func jwkSet(t *testing.T, keys ...jose.JSONWebKey) []byte {
	t.Helper()
	document, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	require.NoError(t, err)
	return document
}

// TestJWK logs in with JWKs: the key of a set is selected by its kid, or because it is the
// only one that is suitable.
func TestJWK(t *testing.T) {
	t.Parallel()
	a, b := newJWK(t, "a", elliptic.P384()), newJWK(t, "b", elliptic.P384())
	nameless := newJWK(t, "", elliptic.P384())
	single, err := json.Marshal(a)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		document  []byte
		kid, want string
		key       jose.JSONWebKey
	}{
		"Single":        {single, "", "a", a},
		"SingleRenamed": {single, "other", "other", a},
		"Selected":      {jwkSet(t, a, b), "b", "b", b},
		"OnlySuitable":  {jwkSet(t, public(b), newJWK(t, "c", elliptic.P256()), a), "", "a", a},
		"PairOfOneKid":  {jwkSet(t, public(a), a), "a", "a", a},
		"Nameless":      {jwkSet(t, nameless), "n", "n", nameless},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, httptest.NewServer)
			l, err := s.login(t, login.Options{ClientID: clientID, KeyFile: write(t, c.document), KeyID: c.kid, TokenURL: s.URL + "/token"})
			require.NoError(t, err)
			_, err = authorization(t, l)
			require.NoError(t, err)
			header, _ := verify(t, s.sent()[0], c.key.Public().Key, s.URL+"/token")
			require.Equal(t, c.want, header.KeyID)
		})
	}
}

// TestGenerateKey logs in with generated keys, whose public part a server accepts.
func TestGenerateKey(t *testing.T) {
	t.Parallel()
	for kind, algorithm := range map[string]string{"": "ES384", "ES384": "ES384", "RS384": "RS384"} {
		private, public, err := login.GenerateKey(kind)
		require.NoError(t, err)
		require.True(t, strings.HasSuffix(string(public), "}\n"))
		registered, err := auth.ParseKeySet(public)
		require.NoError(t, err)
		require.Len(t, registered, 1)
		require.Equal(t, algorithm, registered[0].Algorithm)
		_, err = auth.ParseKeySet(private)
		require.ErrorContains(t, err, "private")

		s := newServer(t, httptest.NewServer)
		l, err := s.login(t, login.Options{ClientID: clientID, KeyFile: write(t, private), TokenURL: s.URL + "/token"})
		require.NoError(t, err)
		_, err = authorization(t, l)
		require.NoError(t, err)
		header, _ := verify(t, s.sent()[0], registered[0].Key, s.URL+"/token")
		require.Equal(t, algorithm, header.Algorithm)
		require.Equal(t, registered[0].KeyID, header.KeyID)
		require.Len(t, header.KeyID, 43)
	}
	_, _, err := login.GenerateKey("HS256")
	require.EqualError(t, err, `the kind of a key must be ES384 or RS384, got "HS256"`)
}

// TestAssertionsAreFresh: each token request has an assertion of its own.
func TestAssertionsAreFresh(t *testing.T) {
	t.Parallel()
	key := newJWK(t, "a", elliptic.P384())
	s := newServer(t, httptest.NewServer)
	l, err := s.login(t, login.Options{ClientID: clientID, KeyFile: write(t, jwkSet(t, key)), TokenURL: s.URL + "/token"})
	require.NoError(t, err)
	got, err := authorization(t, l)
	require.NoError(t, err)
	rejected := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	rejected.Header.Set("Authorization", got)
	require.True(t, l.Rejected(rejected))
	_, err = authorization(t, l)
	require.NoError(t, err)
	require.Len(t, s.sent(), 2)
	_, first := verify(t, s.sent()[0], key.Public().Key, s.URL+"/token")
	_, second := verify(t, s.sent()[1], key.Public().Key, s.URL+"/token")
	require.NotEqual(t, first.ID, second.ID)
}
