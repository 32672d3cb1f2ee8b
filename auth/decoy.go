package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"math/big"

	"github.com/go-jose/go-jose/v4"
)

// decoyKeyID is the kid of the decoy's keys.
const decoyKeyID = "decoy"

// decoy stands for the client that an assertion names and that does not exist,
// and its keys for the one that a client does not have. An assertion that is
// not to be believed then costs one signature to verify in any case, and its
// time does not tell which clients there are.
type decoy struct {
	row  row
	keys keySet
}

// newDecoy makes a decoy whose keys nobody has the private half of.
func newDecoy() (decoy, error) {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: noRSA(), KeyID: decoyKeyID, Use: "sig"}}}
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384()} {
		private, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			return decoy{}, err
		}
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: private.Public(), KeyID: decoyKeyID, Use: "sig"})
	}
	document, err := json.Marshal(set)
	if err != nil {
		return decoy{}, err
	}
	keys, err := parseKeys(document)
	return decoy{row: row{JWKS: new(string(document))}, keys: keys}, err
}

// noRSA is an odd number of the size of an RSA modulus. It takes as long as one
// to verify with, and no search for primes.
func noRSA() *rsa.PublicKey {
	number := make([]byte, minRSA/8)
	_, _ = rand.Read(number)
	number[0] |= 0x80
	number[len(number)-1] |= 1
	return &rsa.PublicKey{N: new(big.Int).SetBytes(number), E: 65537}
}
