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

// deriveFunc is argon2.IDKey; tests count with another.
type deriveFunc func(secret, salt []byte, passes, memory uint32, threads uint8, length uint32) []byte

// hasher makes and checks argon2id hashes in the PHC string format,
// $argon2id$v=19$m=…,t=…,p=…$salt$hash, a few at a time.
type hasher struct {
	derive deriveFunc
	queue  *queue
	decoy  string // a hash that no secret is known for
}

// newHasher makes a hasher whose decoy costs as much as a stored hash.
func newHasher() *hasher {
	h := &hasher{derive: argon2.IDKey, queue: newQueue()}
	salt, hash := make([]byte, saltBytes), make([]byte, hashBytes)
	_, _ = rand.Read(salt)
	_, _ = rand.Read(hash)
	h.decoy = format(usual, salt, hash)
	return h
}

// hash returns the PHC string of a secret, with a salt of its own.
func (h *hasher) hash(ctx context.Context, secret string) (string, error) {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt)
	return h.hashLike(ctx, secret, salt)
}

// hashBeside returns the PHC string of a secret that is to be good beside the
// one of the stored hash. It shares the salt, so that one derivation finds out
// about both: a client in the middle of a change costs what others cost.
func (h *hasher) hashBeside(ctx context.Context, stored, secret string) (string, error) {
	c, salt, _, err := parseHash(stored)
	if err != nil || c != usual {
		return h.hash(ctx, secret)
	}
	return h.hashLike(ctx, secret, salt)
}

func (h *hasher) hashLike(ctx context.Context, secret string, salt []byte) (string, error) {
	if err := h.queue.enter(ctx, "", Origin{}); err != nil {
		return "", err
	}
	defer h.queue.leave()
	key := h.derive([]byte(secret), salt, usual.passes, usual.memory, usual.threads, hashBytes)
	return format(usual, salt, key), nil
}

// verifyAny returns which of the stored hashes the secret belongs to, or -1.
// Hashes of one cost and salt take one derivation. The caller has its turn.
func (h *hasher) verifyAny(stored []string, secret string) (fits int, err error) {
	fits = -1
	derived := map[string][]byte{}
	for i, text := range stored {
		c, salt, want, err := parseHash(text)
		if err != nil {
			return -1, err
		}
		recipe := format(c, salt, nil) + fmt.Sprint(len(want))
		got, done := derived[recipe]
		if !done {
			got = h.derive([]byte(secret), salt, c.passes, c.memory, c.threads, uint32(len(want)))
			derived[recipe] = got
		}
		if subtle.ConstantTimeCompare(got, want) == 1 {
			fits = i
		}
	}
	return fits, nil
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
