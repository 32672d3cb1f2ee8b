package login

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// maxKeyBytes is the maximum size of a file with a private key.
const maxKeyBytes = 256 << 10

// minRSABits is the minimum size of RSA keys (RFC 7518, 3.3).
const minRSABits = 2048

// readKey reads a private key and sets its kid and algorithm.
func readKey(file, kid string) (jose.JSONWebKey, error) {
	document, err := readFile(file)
	if err != nil {
		return jose.JSONWebKey{}, fmt.Errorf("read the private key: %w", err)
	}
	key, err := parseKey(document, kid)
	if err != nil {
		return jose.JSONWebKey{}, fmt.Errorf("private key %s: %w", file, err)
	}
	return key, nil
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	document, err := io.ReadAll(io.LimitReader(f, maxKeyBytes+1))
	if err == nil && len(document) > maxKeyBytes {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, maxKeyBytes)
	}
	return document, err
}

// parseKey parses a JWK Set, a JWK or PEM.
func parseKey(document []byte, kid string) (jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	var key jose.JSONWebKey
	err := json.Unmarshal(document, &set)
	switch {
	case err != nil:
		key, err = parsePEM(document)
	case set.Keys != nil:
		key, err = selectKey(set.Keys, kid)
	default:
		key, err = parseJWK(document)
	}
	if err != nil {
		return jose.JSONWebKey{}, err
	}
	if kid != "" {
		key.KeyID = kid
	}
	if key.KeyID == "" {
		return jose.JSONWebKey{}, errors.New("the key has no kid; set the key id under which the server knows it (--kid)")
	}
	return key, nil
}

// selectKey returns the key with this kid or, without one, the only suitable key.
func selectKey(texts []json.RawMessage, kid string) (jose.JSONWebKey, error) {
	var suitable, named []jose.JSONWebKey
	var ids, reasons []string
	for _, text := range texts {
		key, err := parseJWK(text)
		if err != nil {
			reasons = append(reasons, err.Error())
			continue
		}
		suitable, ids = append(suitable, key), append(ids, key.KeyID)
		if kid != "" && key.KeyID == kid {
			named = append(named, key)
		}
	}
	switch {
	case len(named) == 1:
		return named[0], nil
	case len(suitable) == 1 && (kid == "" || suitable[0].KeyID == ""):
		return suitable[0], nil
	case len(suitable) == 0:
		return jose.JSONWebKey{}, fmt.Errorf("the JWK Set has no suitable key: %s", cmp.Or(strings.Join(reasons, "; "), "it is empty"))
	case kid == "":
		return jose.JSONWebKey{}, fmt.Errorf("the JWK Set has %d suitable keys; select one by its key id (--kid): %s", len(suitable), strings.Join(ids, ", "))
	}
	return jose.JSONWebKey{}, fmt.Errorf("the JWK Set must have one suitable key with the kid %q, got %d; its keys: %s", kid, len(named), strings.Join(ids, ", "))
}

func parseJWK(text []byte) (jose.JSONWebKey, error) {
	var key jose.JSONWebKey
	if err := key.UnmarshalJSON(text); err != nil {
		return jose.JSONWebKey{}, errors.New("not a valid JWK") // the cause could quote the key
	}
	if key.Use != "" && key.Use != "sig" {
		return jose.JSONWebKey{}, fmt.Errorf("the key's use must be sig, got %q", key.Use)
	}
	declared := key.Algorithm
	if err := setAlgorithm(&key); err != nil {
		return jose.JSONWebKey{}, err
	}
	if declared != "" && declared != key.Algorithm {
		return jose.JSONWebKey{}, fmt.Errorf("the key's alg must be %s, got %q", key.Algorithm, declared)
	}
	return key, nil
}

// setAlgorithm sets the only algorithm of SMART Backend Services that a private key is
// for.
func setAlgorithm(key *jose.JSONWebKey) error {
	switch private := key.Key.(type) {
	case *rsa.PrivateKey:
		if bits := private.N.BitLen(); bits < minRSABits {
			return fmt.Errorf("an RSA key must have at least %d bits, got %d", minRSABits, bits)
		}
		key.Algorithm = string(jose.RS384)
	case *ecdsa.PrivateKey:
		if private.Curve != elliptic.P384() {
			return fmt.Errorf("an EC key must be on the curve P-384 (ES384), got %s", private.Params().Name)
		}
		key.Algorithm = string(jose.ES384)
	case *rsa.PublicKey, *ecdsa.PublicKey:
		return errors.New("a public key; the private key is needed")
	default:
		return errors.New("the key must be RSA (RS384) or EC P-384 (ES384)")
	}
	return nil
}

// parsePEM returns the first private key of a PEM file.
func parsePEM(document []byte) (jose.JSONWebKey, error) {
	wrong := errors.New("not a JWK Set, a JWK or PEM")
	for {
		var block *pem.Block
		if block, document = pem.Decode(document); block == nil {
			return jose.JSONWebKey{}, wrong
		}
		if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
			return jose.JSONWebKey{}, errors.New("the key is encrypted; decrypt it, for example with openssl pkey")
		}
		private, err := parseBlock(block)
		switch {
		case err != nil:
			return jose.JSONWebKey{}, fmt.Errorf("%s: not a valid key", block.Type)
		case private != nil:
			key := jose.JSONWebKey{Key: private, Use: "sig"}
			return key, setAlgorithm(&key)
		}
		wrong = fmt.Errorf("%s: not a private key", block.Type)
	}
}

// parseBlock returns the private key of a block; nil if it is something else.
func parseBlock(block *pem.Block) (any, error) {
	switch block.Type {
	case "RSA PRIVATE KEY":
		return x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		return x509.ParseECPrivateKey(block.Bytes)
	case "PRIVATE KEY":
		return x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	return nil, nil
}
