package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// secretBytes is the length of a made secret: 256 bits.
const secretBytes = 32

// NewSecret makes a secret of 256 random bits, in 43 characters that need no
// escaping in a URL, a shell or a header.
func NewSecret() string {
	secret := make([]byte, secretBytes)
	_, _ = rand.Read(secret) // never fails: crypto/rand ends the process instead
	return base64.RawURLEncoding.EncodeToString(secret)
}

// cost is what one argon2id hash takes.
type cost struct {
	memory  uint32 // KiB
	passes  uint32
	threads uint8
}

// usual is the smallest memory OWASP's Password Storage Cheat Sheet allows
// argon2id with two passes; a server hashes at requests, beside its real work.
var usual = cost{memory: 19 * 1024, passes: 2, threads: 1}

// Bounds on what a stored hash may ask for, so that a row of the database can't
// make the process take gigabytes or minutes.
const (
	maxMemory  = 256 * 1024 // KiB
	maxPasses  = 16
	maxThreads = 16
	saltBytes  = 16
	hashBytes  = 32
)

// hashesAtOnce bounds the memory that hashing takes, whatever the number of
// requests: twice 19 MiB.
const hashesAtOnce = 2

// deriveFunc is argon2.IDKey; tests count with another.
type deriveFunc func(secret, salt []byte, passes, memory uint32, threads uint8, length uint32) []byte

// hasher makes and checks argon2id hashes in the PHC string format,
// $argon2id$v=19$m=…,t=…,p=…$salt$hash, a few at a time.
type hasher struct {
	derive deriveFunc
	slots  chan struct{}
	decoy  string // a hash that no secret is known for
}

// newHasher makes a hasher whose decoy costs as much as a stored hash.
func newHasher() *hasher {
	h := &hasher{derive: argon2.IDKey, slots: make(chan struct{}, hashesAtOnce)}
	salt, hash := make([]byte, saltBytes), make([]byte, hashBytes)
	_, _ = rand.Read(salt)
	_, _ = rand.Read(hash)
	h.decoy = format(usual, salt, hash)
	return h
}

// enter waits for a slot. Each successful enter needs a leave.
func (h *hasher) enter(ctx context.Context) error {
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leave gives the slot back.
func (h *hasher) leave() { <-h.slots }

// hash returns the PHC string of a secret, with a salt of its own.
func (h *hasher) hash(ctx context.Context, secret string) (string, error) {
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()

	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt)
	key := h.derive([]byte(secret), salt, usual.passes, usual.memory, usual.threads, hashBytes)
	return format(usual, salt, key), nil
}

// verify reports whether secret belongs to the stored hash. The caller holds a
// slot.
func (h *hasher) verify(stored, secret string) (bool, error) {
	c, salt, want, err := parseHash(stored)
	if err != nil {
		return false, err
	}
	got := h.derive([]byte(secret), salt, c.passes, c.memory, c.threads, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

// format writes a PHC string.
func format(c cost, salt, hash []byte) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memory, c.passes, c.threads,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(hash))
}

// errHash is about a stored hash and says nothing of what it holds.
var errHash = errors.New("the stored hash is not argon2id in PHC format, or asks for too much")

// parseHash reads a PHC string, exactly as format writes it.
func parseHash(stored string) (c cost, salt, hash []byte, err error) {
	fields := strings.Split(stored, "$")
	if len(fields) != 6 {
		return cost{}, nil, nil, errHash
	}
	if _, err := fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &c.memory, &c.passes, &c.threads); err != nil {
		return cost{}, nil, nil, errHash
	}
	if c.memory > maxMemory || c.passes < 1 || c.passes > maxPasses || c.threads < 1 || c.threads > maxThreads {
		return cost{}, nil, nil, errHash
	}
	salt, _ = base64.RawStdEncoding.DecodeString(fields[4])
	hash, _ = base64.RawStdEncoding.DecodeString(fields[5])
	if len(hash) < saltBytes || len(hash) > 2*hashBytes || format(c, salt, hash) != stored {
		return cost{}, nil, nil, errHash
	}
	return c, salt, hash, nil
}
