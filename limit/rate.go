// Package limit bounds what clients may do: how often (RateLimiter), how much at
// the same time (Semaphore), and how many logins may fail (LoginLimiter). All state is
// in memory and belongs to one process. The package knows nothing of HTTP, of
// registered clients, or of exports.
package limit

import (
	"hash/maphash"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// maxKeys bounds the token buckets of a RateLimiter. The one that was used least
// recently is evicted first; its key starts again with a full bucket.
const maxKeys = 1 << 14

// RateLimiter limits the rate of events by key, with one token bucket per key.
// It is safe for concurrent use.
type RateLimiter struct {
	limit rate.Limit
	burst int

	seed    maphash.Seed
	buckets *lru.Cache[uint64, *rate.Limiter] // by the hash of a key, since keys may be long
}

// New returns a rate limiter that allows the given number of events per second,
// and bursts of burst events.
func New(perSecond float64, burst int) *RateLimiter {
	buckets, err := lru.New[uint64, *rate.Limiter](maxKeys)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &RateLimiter{limit: rate.Limit(perSecond), burst: burst, seed: maphash.MakeSeed(), buckets: buckets}
}

// NewPerMinute returns a rate limiter that allows n events per minute, all of
// which may come at once. It allows everything if n is zero or less.
func NewPerMinute(n int) *RateLimiter { return New(perMinute(n), n) }

func perMinute(n int) float64 { return float64(n) / time.Minute.Seconds() }

// Take takes a token from the bucket of the key. If it is empty, Take returns how
// long it will be until there is a token.
func (l *RateLimiter) Take(key string) (wait time.Duration) {
	return l.take(key, l.limit, l.burst)
}

// TakePerMinute is Take for a key with a rate of its own, n events per minute.
func (l *RateLimiter) TakePerMinute(key string, n int) (wait time.Duration) {
	return l.take(key, rate.Limit(perMinute(n)), n)
}

func (l *RateLimiter) take(key string, limit rate.Limit, burst int) time.Duration {
	if burst <= 0 {
		return 0
	}
	now, bucket := time.Now(), l.bucket(key, limit, burst)
	if bucket.Burst() != burst {
		bucket.SetLimitAt(now, limit)
		bucket.SetBurstAt(now, burst)
	}
	// Not Reserve and Cancel: reservations that are cancelled concurrently do
	// not give back all tokens.
	if bucket.AllowN(now, 1) {
		return 0
	}
	missing := (1 - bucket.TokensAt(now)) / float64(limit)
	return max(time.Duration(missing*float64(time.Second)), 1)
}

// Refund returns a token of the key that was taken.
func (l *RateLimiter) Refund(key string) {
	if bucket, ok := l.buckets.Get(maphash.String(l.seed, key)); ok {
		// A negative count adds a token; the bucket never holds more than its burst.
		bucket.AllowN(time.Now(), -1)
	}
}

// bucket returns the bucket of the key, which is full if it is new.
func (l *RateLimiter) bucket(key string, limit rate.Limit, burst int) *rate.Limiter {
	hash := maphash.String(l.seed, key)
	if known, ok := l.buckets.Get(hash); ok {
		return known
	}
	fresh := rate.NewLimiter(limit, burst)
	if known, ok, _ := l.buckets.PeekOrAdd(hash, fresh); ok {
		return known
	}
	return fresh
}
