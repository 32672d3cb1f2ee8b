package api

import (
	"context"
	"sync"
	"time"

	"github.com/seed-90096f4d/sluice/auth"
)

const (
	// placesPause is how long a place that was written down is not written down
	// again.
	placesPause = time.Hour

	// placesTimeout bounds one exchange with the state database.
	placesTimeout = 10 * time.Second
)

// pair is a client at an address.
type pair struct{ client, address string }

func (p pair) key() string { return p.address + " " + p.client }

// places are the addresses that clients were let in from lately. Only clients
// that proved who they are get in here, each with a bounded number.
type places struct {
	mu    sync.Mutex
	known map[string]map[string]sighting // by client and address
}

// sighting is when a client was let in last, and which time is written down.
type sighting struct{ at, written time.Time }

func newPlaces() *places { return &places{known: map[string]map[string]sighting{}} }

// has tells whether the address is one of the client's own.
func (p *places) has(who pair) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen, ok := p.known[who.client][who.address]
	return ok && time.Since(seen.at) < auth.SightingLife
}

// add notes that the client was let in.
func (p *places) add(who pair) {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := p.known[who.client][who.address]
	seen.at = time.Now()
	p.set(who, seen)
}

// set notes a sighting. When a client has too many, the oldest is forgotten.
func (p *places) set(who pair, seen sighting) {
	of := p.known[who.client]
	if of == nil {
		of = map[string]sighting{}
		p.known[who.client] = of
	}
	of[who.address] = seen
	if len(of) <= auth.MaxSightings {
		return
	}
	oldest := who.address
	for address, other := range of {
		if other.at.Before(of[oldest].at) {
			oldest = address
		}
	}
	delete(of, oldest)
}

// unwritten returns what the state database does not know yet.
func (p *places) unwritten() (news []auth.Sighting) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for client, of := range p.known {
		for address, seen := range of {
			if seen.at.Sub(seen.written) >= placesPause {
				news = append(news, auth.Sighting{ClientID: client, Address: address, At: seen.at})
			}
		}
	}
	return news
}

// learn takes over what is written down.
func (p *places) learn(written []auth.Sighting) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range written {
		who := pair{one.ClientID, one.Address}
		seen := p.known[who.client][who.address]
		if one.At.After(seen.at) {
			seen.at = one.At
		}
		seen.written = one.At
		p.set(who, seen)
	}
}

// exchange tells the state database the news and learns those of others.
func (p *places) exchange(ctx context.Context, clients *auth.Clients) error {
	ctx, cancel := context.WithTimeout(ctx, placesTimeout)
	defer cancel()
	if news := p.unwritten(); len(news) > 0 {
		if err := clients.RecordSightings(ctx, news); err != nil {
			return err
		}
	}
	written, err := clients.Sightings(ctx)
	if err != nil {
		return err
	}
	p.learn(written)
	return nil
}
