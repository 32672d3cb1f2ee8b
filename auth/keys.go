package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"github.com/go-jose/go-jose/v4"
)

const (
	// MaxKeySetBytes is the maximum size of a JWK Set.
	MaxKeySetBytes = 256 << 10

	// maxKeys is the maximum number of keys of a JWK Set; a client needs two
	// while it rotates its key.
	maxKeys = 64

	// minRSABits and maxRSABits bound RSA keys: weaker ones can be broken (RFC
	// 7518, 3.3, requires 2048), and much longer ones only cost time.
	minRSABits = 2048
	maxRSABits = 8192

	maxURLBytes = 2048
)

// Keys are the public keys of a client: a JWK Set, or the URL of one.
type Keys struct {
	JWKS []byte
	URL  string

	// AllowInsecureURL allows URL to be http.
	AllowInsecureURL bool
}

// KeySet is a set of public keys that can verify an assertion, each with the
// algorithm that it is for.
type KeySet []jose.JSONWebKey

// errNoKeys is returned for a JWK Set without any usable key.
var errNoKeys = errors.New("no public key with a kid for RS384 or ES384")

// ParseKeySet parses a JWK Set (RFC 7517, 5). It leaves out keys that cannot
// verify an assertion, as the RFC requires. A private key is an error, since
// everyone who can read the set could act as the client.
func ParseKeySet(document []byte) (KeySet, error) {
	if len(document) > MaxKeySetBytes {
		return nil, fmt.Errorf("larger than %d bytes", MaxKeySetBytes)
	}
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(document, &raw); err != nil {
		return nil, errors.New("not a JWK Set: a JSON object with an array keys")
	}
	if len(raw.Keys) > maxKeys {
		return nil, fmt.Errorf("more than %d keys", maxKeys)
	}

	var keys KeySet
	for _, text := range raw.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(text) != nil {
			continue
		}
		if !key.IsPublic() {
			return nil, errors.New("contains a private or symmetric key; Sluice needs the public keys only")
		}
		if key.Algorithm = string(algorithmOf(key)); key.Algorithm != "" {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, errNoKeys
	}
	return keys, nil
}

// algorithmOf returns the only algorithm of assertions that the key can verify, or
// none. A key must not be used with any other algorithm: public keys have been
// accepted as HMAC secrets that way.
func algorithmOf(key jose.JSONWebKey) (algorithm jose.SignatureAlgorithm) {
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		if bits := public.N.BitLen(); bits >= minRSABits && bits <= maxRSABits {
			algorithm = jose.RS384
		}
	case *ecdsa.PublicKey:
		if public.Curve == elliptic.P384() {
			algorithm = jose.ES384
		}
	}
	if key.KeyID == "" || key.Use != "" && key.Use != "sig" || key.Algorithm != "" && key.Algorithm != string(algorithm) {
		return ""
	}
	return algorithm
}

// Find returns the keys with this kid for the algorithm. A set should have at
// most one, but may have more (RFC 7517, 4.5).
func (s KeySet) Find(kid string, algorithm jose.SignatureAlgorithm) []jose.JSONWebKey {
	var found []jose.JSONWebKey
	for _, key := range s {
		if key.KeyID == kid && key.Algorithm == string(algorithm) {
			found = append(found, key)
		}
	}
	return found
}

// IDs returns the kids of the keys.
func (s KeySet) IDs() []string {
	var ids []string
	for _, key := range s {
		ids = append(ids, key.KeyID)
	}
	return ids
}

// checkKeysURL checks the URL of a client's keys: https, unless allowInsecure is
// set, and without credentials.
func checkKeysURL(text string, allowInsecure bool) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > maxURLBytes || u.Hostname() == "":
		return errors.New("not a URL such as https://client.example.org/jwks.json")
	case u.Scheme != "https" && !(allowInsecure && u.Scheme == "http"):
		return errors.New("must start with https://")
	case u.User != nil || u.Fragment != "":
		return errors.New("must not have credentials or a fragment")
	}
	return nil
}

// RedactURL returns a URL without its credentials and query, which may be
// secrets.
func RedactURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "unreadable"
	}
	u.RawQuery, u.User = "", nil
	return u.String()
}
