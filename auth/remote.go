package auth

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	// usualLife is how long fetched keys are kept when their answer does not
	// say. A key that a client has withdrawn works for as long at most.
	usualLife = 5 * time.Minute

	// longestLife bounds what the answer may say.
	longestLife = time.Hour

	// fetchPause is how long an address is left alone after a fetch, whatever
	// came of it and whoever asks: requests of strangers must not become
	// requests to a client's server.
	fetchPause = 10 * time.Second

	// maxRemotes bounds the addresses that are remembered.
	maxRemotes = 1024
)

// remoteKeys are the JWK Sets at clients' own addresses, kept for a while.
type remoteKeys struct {
	client *http.Client
	flight singleflight.Group

	mu   sync.Mutex
	sets map[string]remoteSet
}

// remoteSet is what is known of one address.
type remoteSet struct {
	keys    keySet
	until   time.Time // the keys are good
	fetched time.Time
	err     error // of the last fetch
}

func newRemoteKeys(anywhere bool) *remoteKeys {
	return &remoteKeys{client: newKeyClient(anywhere), sets: map[string]remoteSet{}}
}

// get returns the keys at the address. wanted tells whether a set has the key
// that is looked for: one that is known and has it not is fetched again, since
// the client may have a new key.
func (r *remoteKeys) get(ctx context.Context, address string, wanted func(keySet) bool) (keySet, error) {
	now := time.Now()
	known := r.known(address)
	if now.Before(known.until) && wanted(known.keys) {
		return known.keys, nil
	}
	if now.Sub(known.fetched) < fetchPause {
		return known.keys, known.err
	}

	// Those who come while a fetch runs wait for it. It goes on though the one
	// that began it leaves.
	result := r.flight.DoChan(address, func() (any, error) {
		return r.fetch(context.WithoutCancel(ctx), address), nil
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case fetched := <-result:
		set, ok := fetched.Val.(remoteSet)
		if !ok {
			return nil, errors.New("the keys could not be fetched")
		}
		return set.keys, set.err
	}
}

func (r *remoteKeys) known(address string) remoteSet {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sets[address]
}

// fetch gets the keys and remembers what came of it. While the keys that are
// known are still good, a failure does not take them away.
func (r *remoteKeys) fetch(ctx context.Context, address string) remoteSet {
	keys, life, err := fetchKeys(ctx, r.client, address)
	now := time.Now()
	set := remoteSet{keys: keys, fetched: now, err: err}
	if err == nil {
		if life < 0 {
			life = usualLife
		}
		set.until = now.Add(min(life, longestLife))
	} else if old := r.known(address); now.Before(old.until) {
		set.keys, set.until, set.err = old.keys, old.until, nil
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.sets[address]; !known && len(r.sets) >= maxRemotes {
		for other := range r.sets { // any one: it is fetched again when asked for
			delete(r.sets, other)
			break
		}
	}
	r.sets[address] = set
	return set
}
