package api

import (
	"container/list"
	"hash/maphash"
	"sync"
	"time"

	"github.com/seed-90096f4d/sluice/auth"
)

// maxBuckets bounds the keys that buckets remember; the one that was used
// longest ago is forgotten first, and begins again with a full bucket.
const maxBuckets = 1 << 14

// buckets let each key do something so many times a minute, and as many at
// once. The zero rate lets it do everything. They are safe for concurrent use.
type buckets struct {
	perMinute float64
	seed      maphash.Seed

	mu    sync.Mutex
	known map[uint64]*list.Element
	order list.List // of *bucket, the one used last in front
}

// bucket is what is left to one key.
type bucket struct {
	key    uint64
	tokens float64
	at     time.Time // when that many were left
}

func newBuckets(perMinute int) *buckets {
	return &buckets{perMinute: float64(perMinute), seed: maphash.MakeSeed(), known: map[uint64]*list.Element{}}
}

// take takes one from the key's bucket, or tells how long it will be until
// there is one.
func (b *buckets) take(key string) (wait time.Duration) { return b.draw(key, 1, b.perMinute) }

// takeAt is take for a key that may have a rate of its own.
func (b *buckets) takeAt(key string, rate auth.Rate) (wait time.Duration) {
	return b.draw(key, 1, float64(rate.Or(int(b.perMinute))))
}

// give puts back what was taken.
func (b *buckets) give(key string) { b.draw(key, -1, b.perMinute) }

func (b *buckets) draw(key string, count, perMinute float64) time.Duration {
	if perMinute <= 0 {
		return 0
	}
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()

	left := b.find(maphash.String(b.seed, key), now, perMinute)
	left.tokens = min(left.tokens+now.Sub(left.at).Minutes()*perMinute, perMinute)
	left.at = now
	if count >= 0 && left.tokens < 1 {
		return time.Duration((1 - left.tokens) / perMinute * float64(time.Minute))
	}
	left.tokens = min(left.tokens-count, perMinute)
	return 0
}

// find returns the key's bucket, which is full if it is new.
func (b *buckets) find(key uint64, now time.Time, full float64) *bucket {
	if element, ok := b.known[key]; ok {
		b.order.MoveToFront(element)
		return bucketOf(element)
	}
	if len(b.known) >= maxBuckets {
		oldest := b.order.Back()
		delete(b.known, bucketOf(b.order.Back()).key)
		b.order.Remove(oldest)
	}
	fresh := &bucket{key: key, tokens: full, at: now}
	b.known[key] = b.order.PushFront(fresh)
	return fresh
}

func bucketOf(element *list.Element) *bucket {
	return element.Value.(*bucket) //nolint:forcetypeassert // nothing else is put in
}
