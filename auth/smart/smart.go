// Package smart implements SMART Backend Services (SMART App Launch 2.2): it
// verifies assertions that clients sign with their keys, fetches the JWK Sets of
// clients, and issues access tokens.
//
// The clients themselves are in package auth. It knows nothing of serving HTTP.
package smart

import (
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/seed-90096f4d/sluice/auth"
)

// supportedAlgorithms are the signature algorithms that can be allowed. None is
// symmetric: a client's public key is not a secret.
var supportedAlgorithms = []string{"RS384", "ES384", "RS256", "ES256"}

// Config configures Tokens.
type Config struct {
	// Algorithms are the signature algorithms that assertions may use: RS384 and
	// ES384, which SMART App Launch requires, RS256 or ES256.
	Algorithms []string

	// AllowInsecureJWKS allows the JWKS URLs of clients to be http and to resolve
	// to private, local and reserved addresses.
	AllowInsecureJWKS bool

	// TTL is how long an access token is valid. SMART App Launch 2.2, "Backend
	// Services", recommends at most five minutes.
	TTL time.Duration
}

// Tokens issues and verifies access tokens. An access token is a random number of
// which the state database has the SHA-256: every process can verify it, no
// process has a signing key to protect, and a client that was removed, has
// expired or has lost a scope is rejected at once. It is safe for concurrent use.
type Tokens struct {
	pool       *pgxpool.Pool
	clients    *auth.Clients
	algorithms []jose.SignatureAlgorithm
	ttl        time.Duration
	jwks       *jwksCache
	dummy      dummyClient
}

// NewTokens returns the access tokens of the state database. It returns an error
// for an algorithm that is not supported.
func NewTokens(pool *pgxpool.Pool, clients *auth.Clients, cfg Config) (*Tokens, error) {
	dummy, err := newDummyClient()
	if err != nil {
		return nil, fmt.Errorf("smart: %w", err)
	}
	t := &Tokens{
		pool:    pool,
		clients: clients,
		ttl:     cfg.TTL,
		jwks:    newJWKSCache(cfg.AllowInsecureJWKS),
		dummy:   dummy,
	}
	for _, name := range cfg.Algorithms {
		if !slices.Contains(supportedAlgorithms, name) {
			return nil, fmt.Errorf("smart: unsupported signature algorithm %q; supported: %v", name, supportedAlgorithms)
		}
		t.algorithms = append(t.algorithms, jose.SignatureAlgorithm(name))
	}
	return t, nil
}

// Algorithms returns the signature algorithms that assertions may use.
func (t *Tokens) Algorithms() []string {
	names := make([]string, len(t.algorithms))
	for i, algorithm := range t.algorithms {
		names[i] = string(algorithm)
	}
	return names
}
