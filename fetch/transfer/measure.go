package transfer

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
)

// measure counts bytes and hashes them, if it has a hash.
type measure struct {
	bytes int64
	hash  hash.Hash
}

// hashed returns a measure with a hash.
func hashed() measure { return measure{hash: sha256.New()} }

// Write implements io.Writer.
func (m *measure) Write(p []byte) (int, error) {
	m.bytes += int64(len(p))
	if m.hash != nil {
		m.hash.Write(p)
	}
	return len(p), nil
}

// sum returns the hash in lower-case hex, and an empty string without one.
func (m *measure) sum() string {
	if m.hash == nil {
		return ""
	}
	return hex.EncodeToString(m.hash.Sum(nil))
}

// clone returns a copy that does not share the state of the hash.
func (m *measure) clone() (measure, error) {
	c := *m
	if m.hash == nil {
		return c, nil
	}
	h, err := m.hash.(hash.Cloner).Clone() // crypto/sha256 has it
	c.hash = h
	return c, err
}
