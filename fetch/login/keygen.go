package login

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// newRSABits is the size of new RSA keys.
const newRSABits = 3072

// GenerateKey generates a key pair for SMART Backend Services and returns it as two JWK
// Sets: the private one for Options.KeyFile, the public one to register at the server.
// The kind is ES384 or RS384; empty means ES384. The kid is the thumbprint of the key
// (RFC 7638).
func GenerateKey(kind string) (privateJWKS, publicJWKS []byte, err error) {
	var private crypto.Signer
	switch jose.SignatureAlgorithm(kind) {
	case "", jose.ES384:
		private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case jose.RS384:
		private, err = rsa.GenerateKey(rand.Reader, newRSABits)
	default:
		return nil, nil, fmt.Errorf("the kind of a key must be %s or %s, got %q", jose.ES384, jose.RS384, kind)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("generate a key: %w", err)
	}
	key := jose.JSONWebKey{Key: private, Use: "sig"}
	if err := setAlgorithm(&key); err != nil {
		return nil, nil, err
	}
	thumbprint, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, nil, fmt.Errorf("generate a key: %w", err)
	}
	key.KeyID = base64.RawURLEncoding.EncodeToString(thumbprint)
	if key.KeyID[0] == '-' { // on a command line, it would look like a flag
		return GenerateKey(kind)
	}
	if privateJWKS, err = keySet(key); err != nil {
		return nil, nil, err
	}
	publicJWKS, err = keySet(key.Public())
	return privateJWKS, publicJWKS, err
}

// keySet returns a JWK Set as a text file.
func keySet(key jose.JSONWebKey) ([]byte, error) {
	text, err := json.MarshalIndent(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key}}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write a key: %w", err)
	}
	return append(text, '\n'), nil
}
