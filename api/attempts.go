package api

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// knownLife is how long an address counts as one of a client's own after
	// it was let in from there.
	knownLife = 24 * time.Hour

	// maxKnown bounds the addresses that are known of clients, all together.
	maxKnown = 1 << 14
)

// attempts slow down who guesses secrets, without locking out the client whose
// secret is guessed. Failures count against the address they come from and
// against the client that is named. But where a client was let in lately, its
// attempts count for themselves: a stranger who fails in its name from
// elsewhere does not slow it down, nor does one who fails in other names from
// behind the same proxy.
type attempts struct {
	byAddress *buckets
	byClient  *buckets
	byPair    *buckets

	mu    sync.Mutex
	known map[pair]time.Time // when it was let in last
}

// pair is a client at an address.
type pair struct{ client, address string }

func (p pair) key() string { return p.address + " " + p.client }

func newAttempts(perMinute int) *attempts {
	return &attempts{
		byAddress: newBuckets(perMinute),
		byClient:  newBuckets(perMinute),
		byPair:    newBuckets(perMinute),
		known:     map[pair]time.Time{},
	}
}

// attempt is one that has begun and must end.
type attempt struct {
	attempts *attempts
	pair     pair
	own      bool // the address is one of the client's
}

// begin begins an attempt to be let in, or tells how long to wait before. The
// client is empty where it is not known before it is let in.
func (a *attempts) begin(client, address string) (begun *attempt, wait time.Duration) {
	begun = &attempt{attempts: a, pair: pair{client, network(address)}}
	begun.own = a.isKnown(begun.pair)
	if begun.own {
		return begun, a.byPair.look(begun.pair.key())
	}
	// What is being tried counts as failed until it is known not to be: many
	// that try at once get no further than those that try in turn.
	if wait = a.byAddress.take(begun.pair.address); wait > 0 || client == "" {
		return begun, wait
	}
	if wait = a.byClient.take(client); wait > 0 {
		a.byAddress.give(begun.pair.address)
	}
	return begun, wait
}

// failed ends the attempt: the credentials were wrong.
func (b *attempt) failed() {
	if b.own {
		b.attempts.byPair.take(b.pair.key())
	}
}

// succeeded ends the attempt: the client was let in.
func (b *attempt) succeeded() {
	b.undecided()
	b.attempts.remember(b.pair)
}

// undecided ends the attempt: whether the credentials were right is not known.
func (b *attempt) undecided() {
	if b.own {
		return
	}
	b.attempts.byAddress.give(b.pair.address)
	if b.pair.client != "" {
		b.attempts.byClient.give(b.pair.client)
	}
}

func (a *attempts) isKnown(p pair) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	at, known := a.known[p]
	return known && time.Since(at) < knownLife
}

func (a *attempts) remember(p pair) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, known := a.known[p]; !known && len(a.known) >= maxKnown {
		for other := range a.known { // any one: it has to make itself known again
			delete(a.known, other)
			break
		}
	}
	a.known[p] = time.Now()
}

// network is what one user of an address can choose from: of IPv6 that is
// usually the last half.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Unmap().Is4() {
		return address
	}
	prefix, _ := ip.WithZone("").Prefix(64) // of IPv6 there is one
	return prefix.String()
}
