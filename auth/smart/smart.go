// Package smart implements SMART Backend Services (SMART App Launch 2.2): it
// verifies assertions that clients sign with their keys, fetches the JWK Sets of
// clients, and issues access tokens, also to clients that a secret authenticates.
//
// The clients themselves are in package auth. It knows nothing of serving HTTP.
package smart

import (
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-90096f4d/sluice/auth"
)

// Algorithms are the signature algorithms of assertions, those that SMART App Launch
// requires. None may be symmetric: a client's public key is not a secret.
var Algorithms = []jose.SignatureAlgorithm{jose.RS384, jose.ES384}

// Config configures Tokens.
type Config struct {
	// AllowInsecureJWKS allows the JWKS URLs of clients to be http and to resolve
	// to private, local and reserved addresses.
	AllowInsecureJWKS bool

	// TTL is how long an access token is valid. SMART App Launch 2.2, "Backend
	// Services", recommends at most five minutes.
	TTL time.Duration

	// Registry, if set, gets the metrics of fetching keys.
	Registry prometheus.Registerer
}

// Tokens issues and verifies access tokens. An access token is a random number of
// which the state database has the SHA-256: every process can verify it, no
// process has a signing key to protect, and a client that was removed, has
// expired or has lost a scope is rejected at once. It is safe for concurrent use.
type Tokens struct {
	pool    *pgxpool.Pool
	clients *auth.Clients
	ttl     time.Duration
	jwks    *jwksCache
	dummy   auth.KeySet
}

// NewTokens returns the access tokens of the state database.
func NewTokens(pool *pgxpool.Pool, clients *auth.Clients, cfg Config) *Tokens {
	return &Tokens{pool: pool, clients: clients, ttl: cfg.TTL, jwks: newJWKSCache(cfg.AllowInsecureJWKS, cfg.Registry), dummy: dummyKeys()}
}
