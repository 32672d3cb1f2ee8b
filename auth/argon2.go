package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/sync/semaphore"
)

// argon2Cost holds the cost parameters of an argon2id hash.
type argon2Cost struct {
	memory  uint32 // KiB
	passes  uint32
	threads uint8
}

// defaultCost has the smallest memory that OWASP's Password Storage Cheat Sheet
// allows for argon2id with two passes: a server hashes while it serves requests.
var defaultCost = argon2Cost{memory: 19 * 1024, passes: 2, threads: 1}

// Bounds on the cost of a stored hash, so that a row of the database cannot make
// the process use gigabytes or minutes.
const (
	maxMemory  = 256 * 1024 // KiB
	maxPasses  = 16
	maxThreads = 16
	saltBytes  = 16
	hashBytes  = 32
)

const (
	// maxConcurrentHashes bounds the memory and CPU of hashing: 2 × 19 MiB and
	// two cores.
	maxConcurrentHashes = 2

	// maxHashWait bounds how long a login waits for a free hash, and is the
	// Retry-After of those that waited in vain.
	maxHashWait = 5 * time.Second
)

// dummyHash is verified in place of the hash of a client that does not exist or
// has no hash of this kind, so that it costs the same. No secret matches it.
var dummyHash = formatHash(defaultCost, make([]byte, saltBytes), make([]byte, hashBytes))

// deriveFunc has the signature of argon2.IDKey; tests count its calls.
type deriveFunc func(secret, salt []byte, passes, memory uint32, threads uint8, length uint32) []byte

// hasher creates and verifies argon2id hashes in the PHC string format,
// $argon2id$v=19$m=…,t=…,p=…$salt$hash.
type hasher struct {
	derive deriveFunc
	slots  *semaphore.Weighted

	waiting atomic.Int64 // logins that wait for a slot
}

func newHasher() *hasher {
	return &hasher{derive: argon2.IDKey, slots: semaphore.NewWeighted(maxConcurrentHashes)}
}

// hash returns the PHC string of a secret with a new salt.
func (h *hasher) hash(secret string) string {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt)
	c := defaultCost
	return formatHash(c, salt, h.derive([]byte(secret), salt, c.passes, c.memory, c.threads, hashBytes))
}

// verify returns the stored hash that the secret belongs to, or "". It returns a
// LimitError if no hash becomes free in time.
func (h *hasher) verify(ctx context.Context, stored []string, secret string) (string, error) {
	limited, cancel := context.WithTimeout(ctx, maxHashWait)
	defer cancel()
	h.waiting.Add(1)
	err := h.slots.Acquire(limited, 1)
	h.waiting.Add(-1)
	if err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", &LimitError{Text: "too many concurrent logins", RetryAfter: maxHashWait, Busy: true}
	}
	defer h.slots.Release(1)

	for _, text := range stored {
		c, salt, want, err := parseHash(text)
		if err != nil {
			return "", err
		}
		got := h.derive([]byte(secret), salt, c.passes, c.memory, c.threads, uint32(len(want)))
		if subtle.ConstantTimeCompare(got, want) == 1 {
			return text, nil
		}
	}
	return "", nil
}

func formatHash(c argon2Cost, salt, hash []byte) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memory, c.passes, c.threads,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(hash))
}

// errHash does not contain the hash.
var errHash = errors.New("the stored hash is not argon2id in PHC format, or its cost is too high")

// parseHash parses a PHC string exactly as formatHash writes it.
func parseHash(stored string) (c argon2Cost, salt, hash []byte, err error) {
	fields := strings.Split(stored, "$")
	if len(fields) != 6 {
		return argon2Cost{}, nil, nil, errHash
	}
	if _, err := fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &c.memory, &c.passes, &c.threads); err != nil {
		return argon2Cost{}, nil, nil, errHash
	}
	if c.memory > maxMemory || c.passes < 1 || c.passes > maxPasses || c.threads < 1 || c.threads > maxThreads {
		return argon2Cost{}, nil, nil, errHash
	}
	salt, _ = base64.RawStdEncoding.DecodeString(fields[4])
	hash, _ = base64.RawStdEncoding.DecodeString(fields[5])
	if len(hash) < saltBytes || len(hash) > 2*hashBytes || formatHash(c, salt, hash) != stored {
		return argon2Cost{}, nil, nil, errHash
	}
	return c, salt, hash, nil
}
