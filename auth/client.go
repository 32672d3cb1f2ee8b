// Package auth says who a client is and what it may take: clients with hashed
// secrets or public keys in Sluice's own schema, the access tokens given to
// them, and the SMART scopes granted to them.
//
// It knows nothing of serving HTTP, of exports, or of which resource types
// exist.
package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/singleflight"
)

// Client is a program that may ask Sluice for data.
type Client struct {
	ID     string
	Scopes Scopes

	// Groups are the only Groups whose members' data the client may take; nil
	// means that it may take everybody's.
	Groups []string

	CreatedAt time.Time

	// ExpiresAt is when the client is refused from; zero means never.
	ExpiresAt time.Time

	// HasSecret tells whether there is a secret. SecretExpiresAt is when it
	// stops to work, zero means never; PreviousExpiresAt is the same of the
	// secret it has replaced, zero means that there is none.
	HasSecret         bool
	SecretExpiresAt   time.Time
	PreviousExpiresAt time.Time

	// KeyIDs are the kids of the keys that are known inline, KeysURL is where
	// others are.
	KeyIDs  []string
	KeysURL string

	// Rates are how often it may ask.
	Rates Rates
}

// Expired tells whether the client is refused at that time.
func (c Client) Expired(now time.Time) bool {
	return !c.ExpiresAt.IsZero() && !now.Before(c.ExpiresAt)
}

// AllowsGroup tells whether the client may take the data of a Group's members,
// as far as the Group is concerned.
func (c Client) AllowsGroup(id string) bool {
	return c.Groups == nil || slices.Contains(c.Groups, id)
}

// Clients are the clients in the table sluice.client. It is safe for
// concurrent use.
type Clients struct {
	pool   *pgxpool.Pool
	hasher *hasher
	cache  *cache
	flight *singleflight.Group // of secrets that are being hashed
	actor  string              // who changes them
	told   func(Entry)         // of each change; may be nil
}

// NewClients returns the clients of the state database. The table must exist.
func NewClients(pool *pgxpool.Pool) *Clients {
	return &Clients{pool: pool, hasher: newHasher(), cache: newCache(), flight: &singleflight.Group{}}
}

// row is a row of sluice.client.
type row struct {
	ID                string
	Scopes            []string
	CreatedAt         time.Time
	ExpiresAt         *time.Time
	Hash              *string
	SecretExpiresAt   *time.Time
	PreviousHash      *string
	PreviousExpiresAt *time.Time
	JWKS              *string
	KeysURL           *string
	Groups            []string
	Dumps             *int
	KickOffs          *int
	Requests          *int
}

// columns are those of a row, in its order.
const columns = `c.id, c.scopes, c.created_at, c.expires_at, c.secret_hash, c.secret_expires_at,
	c.previous_hash, c.previous_expires_at, c.jwks, c.jwks_url, c.groups,
	c.dumps, c.kick_offs, c.requests`

// client returns what others may know of the row.
func (r row) client() (Client, error) {
	scopes, err := ParseScopes(r.Scopes)
	if err != nil {
		return Client{}, fmt.Errorf("client %q: %w", r.ID, err)
	}
	keys, err := r.keys()
	if err != nil {
		return Client{}, err
	}
	return Client{
		ID:                r.ID,
		Scopes:            scopes,
		Groups:            r.Groups,
		CreatedAt:         r.CreatedAt,
		ExpiresAt:         value(r.ExpiresAt),
		HasSecret:         r.Hash != nil,
		SecretExpiresAt:   value(r.SecretExpiresAt),
		PreviousExpiresAt: value(r.PreviousExpiresAt),
		KeyIDs:            keys.ids(),
		KeysURL:           value(r.KeysURL),
		Rates:             Rates{Dumps: rateOf(r.Dumps), KickOffs: rateOf(r.KickOffs), Requests: rateOf(r.Requests)},
	}, nil
}

// keys returns the keys that are known inline.
func (r row) keys() (keySet, error) {
	if r.JWKS == nil {
		return nil, nil
	}
	keys, err := parseKeys([]byte(*r.JWKS))
	if err != nil {
		return nil, fmt.Errorf("client %q: the stored JWK Set: %w", r.ID, err)
	}
	return keys, nil
}

// value is what a column holds, or zero for NULL.
func value[T any](column *T) (v T) {
	if column != nil {
		v = *column
	}
	return v
}

const selectClients = `SELECT ` + columns + ` FROM sluice.client c ORDER BY id COLLATE "C"`

// List returns all clients in the order of their ids.
func (c *Clients) List(ctx context.Context) ([]Client, error) {
	rows, err := c.pool.Query(ctx, selectClients)
	if err != nil {
		return nil, fmt.Errorf("auth: list clients: %w", err)
	}
	clients, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (Client, error) {
		found, err := pgx.RowToStructByPos[row](r)
		if err != nil {
			return Client{}, err
		}
		return found.client()
	})
	if err != nil {
		return nil, fmt.Errorf("auth: list clients: %w", err)
	}
	return clients, nil
}

const selectClient = `SELECT ` + columns + ` FROM sluice.client c WHERE id = $1`

// Get returns the client of that id, or ErrNoClient.
func (c *Clients) Get(ctx context.Context, id string) (Client, error) {
	found, err := findClient(ctx, c.pool, id)
	if err != nil {
		return Client{}, fmt.Errorf("auth: client %q: %w", id, err)
	}
	client, err := found.client()
	if err != nil {
		return Client{}, fmt.Errorf("auth: %w", err)
	}
	return client, nil
}

const selectValid = `SELECT ` + columns + ` FROM sluice.client c
WHERE id = ANY ($1) AND (expires_at IS NULL OR expires_at > now())`

// Valid returns those of the clients with these ids that exist and have not
// expired, by id.
func (c *Clients) Valid(ctx context.Context, ids []string) (map[string]Client, error) {
	rows, err := c.pool.Query(ctx, selectValid, ids)
	if err != nil {
		return nil, fmt.Errorf("auth: check clients: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	if err != nil {
		return nil, fmt.Errorf("auth: check clients: %w", err)
	}
	valid := make(map[string]Client, len(found))
	for _, r := range found {
		if valid[r.ID], err = r.client(); err != nil {
			return nil, fmt.Errorf("auth: check clients: %w", err)
		}
	}
	return valid, nil
}

// findClient reads the row of a client, or returns ErrNoClient.
func findClient(ctx context.Context, db querier, id string) (row, error) {
	if !validID(id) {
		return row{}, ErrNoClient
	}
	rows, err := db.Query(ctx, selectClient, id)
	if err != nil {
		return row{}, err
	}
	found, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[row])
	if errors.Is(err, pgx.ErrNoRows) {
		return row{}, ErrNoClient
	}
	return found, err
}

// querier is the pool, or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}
