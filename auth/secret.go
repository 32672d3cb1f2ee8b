package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"strings"
)

const (
	// secretPrefix marks a generated secret, for people and for programs that
	// scan files for secrets.
	secretPrefix = "sluice_"

	secretRandomBytes   = 32 // 256 bits
	secretChecksumBytes = 4

	// sha256Prefix marks the stored hash of a generated secret.
	sha256Prefix = "sha256:"
)

// NewSecret generates a secret: the prefix sluice_ and 48 characters that need no
// escaping in a URL, a shell or a header. They encode 256 random bits and their
// CRC-32.
func NewSecret() string {
	secret := make([]byte, secretRandomBytes, secretRandomBytes+secretChecksumBytes)
	_, _ = rand.Read(secret) // never fails: crypto/rand ends the process instead
	secret = binary.BigEndian.AppendUint32(secret, crc32.ChecksumIEEE(secret))
	return secretPrefix + base64.RawURLEncoding.EncodeToString(secret)
}

// isGenerated reports whether a secret has the form of those that NewSecret
// returns. The checksum keeps out what a person has made up in that form.
func isGenerated(secret string) bool {
	encoded, ok := strings.CutPrefix(secret, secretPrefix)
	if !ok || len(encoded) != base64.RawURLEncoding.EncodedLen(secretRandomBytes+secretChecksumBytes) {
		return false
	}
	decoded, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || len(decoded) != secretRandomBytes+secretChecksumBytes { // line breaks are ignored
		return false
	}
	random, checksum := decoded[:secretRandomBytes], decoded[secretRandomBytes:]
	return crc32.ChecksumIEEE(random) == binary.BigEndian.Uint32(checksum)
}

// hashGenerated returns what is stored of a generated secret. A secret of 256
// random bits cannot be guessed from its SHA-256, so it needs neither a salt nor
// a slow hash.
func hashGenerated(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return sha256Prefix + hex.EncodeToString(sum[:])
}

// matchesGenerated reports whether a generated secret belongs to one of the
// stored hashes.
func matchesGenerated(hashes []string, secret string) bool {
	hash, matches := []byte(hashGenerated(secret)), 0
	for _, stored := range hashes {
		matches |= subtle.ConstantTimeCompare(hash, []byte(stored))
	}
	return matches == 1
}

// secretID returns the identity of a secret, which reveals nothing about its stored hash
// to those who cannot read that.
func secretID(hash string) []byte {
	sum := sha256.Sum256([]byte(hash))
	return sum[:]
}
