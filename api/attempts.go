package api

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/limit"
)

// attempts slow down who guesses secrets, without locking out the client whose
// secret is guessed. Failures count against the address they come from and
// against the client that is named. But where a client was let in lately, its
// attempts count for themselves: a stranger who fails in its name from
// elsewhere does not slow it down, nor does one who fails in other names from
// behind the same proxy.
type attempts struct {
	byAddress *limit.RateLimiter
	byClient  *limit.RateLimiter
	byPair    *limit.RateLimiter
	seed      maphash.Seed

	places *places

	mu      sync.Mutex
	running map[uint64]int // by pair and proof, of clients at addresses of their own
}

func newAttempts(perMinute int) *attempts {
	return &attempts{
		byAddress: limit.NewPerMinute(perMinute),
		byClient:  limit.NewPerMinute(perMinute),
		byPair:    limit.NewPerMinute(perMinute),
		seed:      maphash.MakeSeed(),
		places:    newPlaces(),
		running:   map[uint64]int{},
	}
}

// attempt is one that has begun and must end.
type attempt struct {
	attempts *attempts
	pair     pair
	own      bool // the address is one of the client's
	joined   bool // it proves what another is proving already
	running  uint64
}

// begin begins an attempt to be let in, or tells how long to wait before. proof
// is what the client proves its name by.
//
// What is being tried counts as failed until it is known not to be: many that
// try at once get no further than those that try in turn.
func (a *attempts) begin(client, address, proof string) (begun *attempt, wait time.Duration) {
	begun = &attempt{attempts: a, pair: pair{client, network(address)}}
	begun.own = a.places.has(begun.pair)
	if begun.own {
		begun.running = maphash.String(a.seed, begun.pair.key()+"\x00"+proof)
		return begun, a.join(begun)
	}
	if wait = a.byAddress.Take(begun.pair.address); wait > 0 {
		return begun, wait
	}
	if wait = a.byClient.Take(client); wait > 0 {
		a.byAddress.Refund(begun.pair.address)
	}
	return begun, wait
}

// join begins an attempt of a client where it is known. It may well send a
// hundred requests at once: as long as they prove the same, they are one guess.
func (a *attempts) join(begun *attempt) (wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	begun.joined = a.running[begun.running] > 0
	if !begun.joined {
		if wait = a.byPair.Take(begun.pair.key()); wait > 0 {
			return wait
		}
	}
	a.running[begun.running]++
	return 0
}

// leave ends an attempt that has joined.
func (a *attempts) leave(begun *attempt) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.running[begun.running]--; a.running[begun.running] == 0 {
		delete(a.running, begun.running)
	}
}

// failed ends the attempt: the credentials were wrong.
func (b *attempt) failed() {
	if !b.own {
		return
	}
	b.attempts.leave(b)
	if b.joined {
		b.attempts.byPair.Take(b.pair.key())
	}
}

// origin is where the attempt comes from.
func (b *attempt) origin() auth.Origin {
	return auth.Origin{Address: b.pair.address, Known: b.own}
}

// succeeded ends the attempt: the client was let in.
func (b *attempt) succeeded() {
	b.undecided()
	b.attempts.places.add(b.pair)
}

// undecided ends the attempt: whether the credentials were right is not known.
func (b *attempt) undecided() {
	if !b.own {
		b.attempts.byAddress.Refund(b.pair.address)
		b.attempts.byClient.Refund(b.pair.client)
		return
	}
	b.attempts.leave(b)
	if !b.joined {
		b.attempts.byPair.Refund(b.pair.key())
	}
}

// network is what one user of an address can choose from: of IPv6 that is
// usually the last half.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	if ip = ip.Unmap(); ip.Is4() { // as some proxies write it into one of IPv6
		return ip.String()
	}
	prefix, _ := ip.WithZone("").Prefix(64) // of IPv6 there is one
	return prefix.String()
}
