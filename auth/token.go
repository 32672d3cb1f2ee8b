package auth

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// DefaultTokenLife is how long an access token works; SMART App Launch 2.2,
// "Backend Services", wants no more.
const DefaultTokenLife = 5 * time.Minute

// TokenConfig is how access tokens are given out.
type TokenConfig struct {
	// Algorithms are those that an assertion may be signed with: RS384, ES384,
	// RS256 or ES256. Defaults to the first two.
	Algorithms []string

	// Anywhere lets the addresses of clients' keys be http and lead to private,
	// local and reserved addresses.
	Anywhere bool

	// Life is how long an access token works. Defaults to DefaultTokenLife.
	Life time.Duration
}

// Tokens gives out access tokens and knows them again. A token is a random
// number that the database knows the SHA-256 of: every process finds it there,
// none has a key to keep, and a client that is removed, expires or loses a
// scope is refused at once, whatever tokens it has. It is safe for concurrent
// use.
type Tokens struct {
	pool       *pgxpool.Pool
	algorithms []jose.SignatureAlgorithm
	life       time.Duration
	remote     *remoteKeys
	decoy      decoy
}

// NewTokens returns the tokens of the state database. The error says which
// algorithm is none that can be allowed.
func NewTokens(pool *pgxpool.Pool, cfg TokenConfig) (*Tokens, error) {
	decoy, err := newDecoy()
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	t := &Tokens{
		pool:   pool,
		decoy:  decoy,
		life:   cmp.Or(cfg.Life, DefaultTokenLife),
		remote: newRemoteKeys(cfg.Anywhere),
	}
	names := cfg.Algorithms
	if len(names) == 0 {
		names = defaultAlgorithms
	}
	for _, name := range names {
		if !slices.Contains(knownAlgorithms, name) {
			return nil, fmt.Errorf("auth: %q is no algorithm for assertions; there are %v", name, knownAlgorithms)
		}
		t.algorithms = append(t.algorithms, jose.SignatureAlgorithm(name))
	}
	return t, nil
}

// Algorithms are those that an assertion may be signed with.
func (t *Tokens) Algorithms() []string {
	names := make([]string, len(t.algorithms))
	for i, algorithm := range t.algorithms {
		names[i] = string(algorithm)
	}
	return names
}

// Token is an access token that was given out.
type Token struct {
	Value    string
	ClientID string
	Scopes   Scopes
	Life     time.Duration
}

// tokenHash is what the database knows of a token. It is as random as the
// token itself, so it needs no salt.
func tokenHash(value string) []byte {
	sum := sha256.Sum256([]byte(value))
	return sum[:]
}

const insertToken = `
INSERT INTO sluice.token (hash, client_id, scopes, expires_at)
VALUES ($1, $2, $3, least(now() + $4::bigint * interval '1 microsecond', $5))`

// issue makes a token for the client.
func (t *Tokens) issue(ctx context.Context, tx pgx.Tx, found row, scopes Scopes) (Token, error) {
	token := Token{Value: NewSecret(), ClientID: found.ID, Scopes: scopes, Life: t.life}
	_, err := tx.Exec(ctx, insertToken, tokenHash(token.Value), found.ID, scopes.Strings(), t.life.Microseconds(), found.ExpiresAt)
	return token, err
}

// tokenRow is a client with the scopes of one of its tokens.
type tokenRow struct {
	row

	Granted []string
}

const selectToken = `
SELECT ` + columns + `, t.scopes
FROM sluice.token t JOIN sluice.client c ON c.id = t.client_id
WHERE t.hash = $1 AND t.expires_at > now() AND (c.expires_at IS NULL OR c.expires_at > now())`

// Find returns the client that a token was given to, with the scopes of the
// token, or ErrBadCredentials. What the client may not do any more, its token
// does not allow either.
func (t *Tokens) Find(ctx context.Context, value string) (Client, error) {
	if len(value) != base64.RawURLEncoding.EncodedLen(secretBytes) {
		return Client{}, ErrBadCredentials
	}
	rows, err := t.pool.Query(ctx, selectToken, tokenHash(value))
	if err != nil {
		return Client{}, fmt.Errorf("auth: find token: %w", err)
	}
	found, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[tokenRow])
	if errors.Is(err, pgx.ErrNoRows) {
		return Client{}, ErrBadCredentials
	}
	if err != nil {
		return Client{}, fmt.Errorf("auth: find token: %w", err)
	}
	client, err := found.client()
	if err != nil {
		return Client{}, fmt.Errorf("auth: find token: %w", err)
	}
	granted, err := ParseScopes(found.Granted)
	if err != nil {
		return Client{}, fmt.Errorf("auth: find token: %w", err)
	}
	client.Scopes = granted.Within(client.Scopes)
	return client, nil
}
