package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"
)

const (
	// cacheLife is how long a verified secret is known without hashing again.
	cacheLife = time.Minute

	// cacheSize bounds the number of verified secrets that are known.
	cacheSize = 1024
)

// mark stands for a client id, its stored hash and the secret that was found
// to fit. It is an HMAC under a key of this process: it tells nothing of the
// secret to who reads the memory without the key, and a changed hash makes
// another mark.
type mark [sha256.Size]byte

// cache remembers which secrets have been verified, briefly. It only saves the
// hashing; whether the client exists is asked of the database each time.
type cache struct {
	key [sha256.Size]byte

	mu    sync.Mutex
	until map[mark]time.Time
}

// newCache makes an empty cache with a key of its own.
func newCache() *cache {
	c := &cache{until: map[mark]time.Time{}}
	_, _ = rand.Read(c.key[:])
	return c
}

// mark computes the mark. A zero byte parts the fields: neither an id nor a
// hash holds one.
func (c *cache) mark(id, hash, secret string) mark {
	mac := hmac.New(sha256.New, c.key[:])
	for _, part := range []string{id, "\x00", hash, "\x00", secret} {
		_, _ = mac.Write([]byte(part)) // a hash never fails
	}
	return mark(mac.Sum(nil))
}

// has reports whether m was added within the last minute.
func (c *cache) has(m mark) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Before(c.until[m])
}

// add remembers m for a minute from now. A full cache drops what has expired
// or else one that has not: that one's next request costs a hash.
func (c *cache) add(m mark) {
	c.mu.Lock()
	defer c.mu.Unlock()

	now := time.Now()
	if len(c.until) >= cacheSize {
		for old, until := range c.until {
			if !now.Before(until) {
				delete(c.until, old)
			}
		}
	}
	for old := range c.until {
		if len(c.until) < cacheSize {
			break
		}
		delete(c.until, old)
	}
	c.until[m] = now.Add(cacheLife)
}
