// Package auth knows the clients of Sluice: their secrets and public keys, their
// scopes, and the history of changes to them. It authenticates a client by its
// secret; package smart does so by its keys.
//
// It knows nothing of serving HTTP, of exports, or of which resource types exist.
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

// Client is a program that may request data.
type Client struct {
	ID     string
	Scopes Scopes

	// Groups are the only Groups whose members' data the client may export; nil
	// means no restriction.
	Groups []string

	CreatedAt time.Time

	// ExpiresAt is when the client expires; zero means never. Expired reports
	// whether it had, by the clock of the database, when it was read.
	ExpiresAt time.Time
	Expired   bool

	// HasSecret reports whether there is a secret. SecretExpiresAt is when it
	// expires, zero means never; PreviousExpiresAt is when the secret that it has
	// replaced expires, zero means that there is none.
	HasSecret         bool
	SecretExpiresAt   time.Time
	PreviousExpiresAt time.Time

	// Keys are the public keys that are stored; KeysURL is the URL of others.
	Keys    KeySet
	KeysURL string

	// Rates are the client's own rate limits.
	Rates Rates
}

// AllowsGroup reports whether the client's restriction to Groups allows exports
// of this Group.
func (c Client) AllowsGroup(id string) bool {
	return c.Groups == nil || slices.Contains(c.Groups, id)
}

// Clients gives access to the clients in the table sluice.client. It is safe for
// concurrent use.
type Clients struct {
	pool *pgxpool.Pool

	hasher   *hasher
	verified *verifiedSecrets
	inFlight *singleflight.Group // of chosen secrets that are being verified

	actor    string      // who changes clients
	onChange func(Entry) // may be nil
}

// NewClients returns the clients of the state database, which must have been
// migrated.
func NewClients(pool *pgxpool.Pool) *Clients {
	return &Clients{pool: pool, hasher: newHasher(), verified: newVerifiedSecrets(), inFlight: &singleflight.Group{}}
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
	ReadAt            time.Time // by the clock of the database
}

// columns are the columns of a row, in its order.
const columns = `c.id, c.scopes, c.created_at, c.expires_at, c.secret_hash, c.secret_expires_at,
	c.previous_hash, c.previous_expires_at, c.jwks, c.jwks_url, c.groups,
	c.dumps, c.kick_offs, c.requests, now()`

// expired reports whether the client had expired when the row was read.
func (r row) expired() bool { return r.ExpiresAt != nil && !r.ReadAt.Before(*r.ExpiresAt) }

// client returns the row without its secrets.
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
		Expired:           r.expired(),
		HasSecret:         r.Hash != nil,
		SecretExpiresAt:   value(r.SecretExpiresAt),
		PreviousExpiresAt: value(r.PreviousExpiresAt),
		Keys:              keys,
		KeysURL:           value(r.KeysURL),
		Rates:             Rates{Dumps: newRate(r.Dumps), KickOffs: newRate(r.KickOffs), Requests: newRate(r.Requests)},
	}, nil
}

// keys returns the public keys that are stored.
func (r row) keys() (KeySet, error) {
	if r.JWKS == nil {
		return nil, nil
	}
	keys, err := ParseKeySet([]byte(*r.JWKS))
	if err != nil {
		return nil, fmt.Errorf("client %q: the stored JWK Set: %w", r.ID, err)
	}
	return keys, nil
}

// value returns the value of a column, or zero for NULL.
func value[T any](column *T) (v T) {
	if column != nil {
		v = *column
	}
	return v
}

const selectClients = `SELECT ` + columns + ` FROM sluice.client c ORDER BY id COLLATE "C"`

// List returns all clients ordered by id.
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

// Get returns the client with this id, or ErrNoClient.
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

// Valid returns the clients with these ids that exist and have not expired, by
// id.
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

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

const selectClient = `SELECT ` + columns + ` FROM sluice.client c WHERE id = $1`

// findClient returns the row of a client, or ErrNoClient.
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
