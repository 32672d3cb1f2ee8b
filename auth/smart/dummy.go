package smart

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"math/big"

	"github.com/go-jose/go-jose/v4"

	"github.com/seed-90096f4d/sluice/auth"
)

const (
	dummyKID      = "dummy"
	dummyRSABytes = 2048 / 8
)

// dummyClient replaces a client that does not exist, and its keys replace a key that
// a client does not have. A rejected assertion then always costs the
// verification of one signature, so that the response time hardly reveals which
// clients exist.
type dummyClient struct {
	jwks []byte
	keys auth.KeySet
}

// newDummyClient returns a dummy whose private keys are not kept.
func newDummyClient() (dummyClient, error) {
	private, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return dummyClient{}, err
	}
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: dummyRSAKey(), KeyID: dummyKID, Use: "sig"},
		{Key: private.Public(), KeyID: dummyKID, Use: "sig"},
	}}
	jwks, err := json.Marshal(set)
	if err != nil {
		return dummyClient{}, err
	}
	keys, err := auth.ParseKeySet(jwks)
	return dummyClient{jwks: jwks, keys: keys}, err
}

// client returns the dummy as a client without an id. It parses the keys, as
// reading a client does.
func (d dummyClient) client() (auth.Client, error) {
	keys, err := auth.ParseKeySet(d.jwks)
	return auth.Client{Keys: keys}, err
}

// dummyRSAKey returns an odd number of the size of an RSA modulus: as slow to
// verify with, but made without a search for primes.
func dummyRSAKey() *rsa.PublicKey {
	modulus := make([]byte, dummyRSABytes)
	_, _ = rand.Read(modulus)
	modulus[0] |= 0x80
	modulus[len(modulus)-1] |= 1
	return &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: 65537}
}
