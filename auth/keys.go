package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

const (
	// maxJWKS bounds a JWK Set, in bytes.
	maxJWKS = 256 << 10

	// maxKeys bounds the keys of a JWK Set: a client needs two while it
	// replaces one by another.
	maxKeys = 64

	// Bounds on RSA keys, in bits: weaker ones can be broken, and much longer
	// ones only cost the server time (RFC 7518, 3.3, asks for 2048).
	minRSA = 2048
	maxRSA = 8192
)

// keySet is the public keys of a client that can sign an assertion.
type keySet []jose.JSONWebKey

// errNoKeys says that a JWK Set is none, or has nothing that could be used.
var errNoKeys = errors.New("it has no public key with a kid for RS384, ES384, RS256 or ES256")

// parseKeys reads a JWK Set (RFC 7517, 5). Keys that can't sign an assertion
// are left out, as that RFC wants; a private key is an error, since whoever
// reads the set could act as the client.
func parseKeys(document []byte) (keySet, error) {
	if len(document) > maxJWKS {
		return nil, fmt.Errorf("it is larger than %d bytes", maxJWKS)
	}
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(document, &raw); err != nil {
		return nil, errors.New("it is not a JWK Set: a JSON object with an array keys")
	}
	if len(raw.Keys) > maxKeys {
		return nil, fmt.Errorf("it has more than %d keys", maxKeys)
	}

	var keys keySet
	for _, text := range raw.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(text) != nil {
			continue
		}
		if !key.IsPublic() {
			return nil, errors.New("it holds a private or symmetric key; Sluice needs the public ones and must not know others")
		}
		if usable(key) {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, errNoKeys
	}
	return keys, nil
}

// usable tells whether the key can sign assertions, by what it is.
func usable(key jose.JSONWebKey) bool {
	if key.KeyID == "" || key.Use != "" && key.Use != "sig" {
		return false
	}
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		bits := public.N.BitLen()
		return bits >= minRSA && bits <= maxRSA
	case *ecdsa.PublicKey:
		return public.Curve == elliptic.P256() || public.Curve == elliptic.P384()
	}
	return false
}

// fits tells whether the key is one for the algorithm. A key must not be used
// with an algorithm that is not its own: that is how a public key was once
// taken for the secret of an HMAC.
func fits(key jose.JSONWebKey, algorithm jose.SignatureAlgorithm) bool {
	if key.Algorithm != "" && key.Algorithm != string(algorithm) {
		return false
	}
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		return algorithm == jose.RS256 || algorithm == jose.RS384
	case *ecdsa.PublicKey:
		return algorithm == jose.ES256 && public.Curve == elliptic.P256() ||
			algorithm == jose.ES384 && public.Curve == elliptic.P384()
	}
	return false
}

// find returns the keys of that id that are for the algorithm. A set should
// have one, but may have more (RFC 7517, 4.5).
func (s keySet) find(id string, algorithm jose.SignatureAlgorithm) []jose.JSONWebKey {
	var found []jose.JSONWebKey
	for _, key := range s {
		if key.KeyID == id && fits(key, algorithm) {
			found = append(found, key)
		}
	}
	return found
}

// ids are the kids of the keys.
func (s keySet) ids() []string {
	var ids []string
	for _, key := range s {
		ids = append(ids, key.KeyID)
	}
	return ids
}
