package smart

import (
	"context"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"golang.org/x/sync/singleflight"

	"github.com/seed-90096f4d/sluice/auth"
)

const (
	// defaultJWKSTTL is how long fetched keys are cached when the response does
	// not say. A key that a client has withdrawn is accepted no longer than that.
	defaultJWKSTTL = 5 * time.Minute

	// maxJWKSTTL bounds what the response may say.
	maxJWKSTTL = time.Hour

	// fetchInterval is the minimum time between two fetches of a URL, whatever
	// their result: anyone can send assertions, and these must not become requests
	// to a client's server.
	fetchInterval = 10 * time.Second

	// maxCachedSets bounds the number of cached JWK Sets.
	maxCachedSets = 1024
)

// jwksCache fetches and caches the JWK Sets at the URLs of clients.
type jwksCache struct {
	client *http.Client
	flight singleflight.Group
	sets   *lru.Cache[string, cachedSet] // by URL

	fetches fetchCounter
}

// fetchCounter counts fetches by their outcome.
type fetchCounter struct{ completed, failed prometheus.Counter }

func newFetchCounter(registry prometheus.Registerer) fetchCounter {
	fetches := promauto.With(registry).NewCounterVec(prometheus.CounterOpts{
		Name: "sluice_jwks_fetches_total",
		Help: "Requests for the JWK Sets at the URLs of clients, by outcome.",
	}, []string{"outcome"})
	return fetchCounter{completed: fetches.WithLabelValues("completed"), failed: fetches.WithLabelValues("failed")}
}

func (c fetchCounter) count(err error) {
	if err != nil {
		c.failed.Inc()
		return
	}
	c.completed.Inc()
}

// cachedSet is the last result for one URL.
type cachedSet struct {
	keys      auth.KeySet
	expires   time.Time // of keys
	fetchedAt time.Time
	err       error // of the last fetch, if there are no valid keys
}

func newJWKSCache(allowInsecure bool, registry prometheus.Registerer) *jwksCache {
	sets, err := lru.New[string, cachedSet](maxCachedSets)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &jwksCache{client: newFetchClient(allowInsecure), sets: sets, fetches: newFetchCounter(registry)}
}

// get returns the keys at the URL. A cached set without the key is fetched again,
// since the client may have a new key.
func (c *jwksCache) get(ctx context.Context, url, kid string, algorithm jose.SignatureAlgorithm) (auth.KeySet, error) {
	now := time.Now()
	cached, _ := c.sets.Get(url)
	if now.Before(cached.expires) && len(cached.keys.Find(kid, algorithm)) > 0 {
		return cached.keys, nil
	}
	if now.Sub(cached.fetchedAt) < fetchInterval {
		return cached.keys, cached.err
	}

	// Concurrent requests share a fetch, which does not end with the request that
	// has started it.
	result := c.flight.DoChan(url, func() (any, error) {
		return c.fetch(context.WithoutCancel(ctx), url), nil
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case fetched := <-result:
		set, _ := fetched.Val.(cachedSet)
		return set.keys, set.err
	}
}

// fetch fetches the keys and caches the result. A failure does not replace keys
// that have not expired.
func (c *jwksCache) fetch(ctx context.Context, url string) cachedSet {
	keys, ttl, err := fetchKeys(ctx, c.client, url)
	c.fetches.count(err)
	now := time.Now()
	set := cachedSet{keys: keys, fetchedAt: now, err: err}
	if err == nil {
		if ttl < 0 {
			ttl = defaultJWKSTTL
		}
		set.expires = now.Add(min(ttl, maxJWKSTTL))
	} else if old, _ := c.sets.Get(url); now.Before(old.expires) {
		set.keys, set.expires, set.err = old.keys, old.expires, nil
	}
	c.sets.Add(url, set)
	return set
}
