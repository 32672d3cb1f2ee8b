// Package auth knows the clients of Sluice: their secrets and public keys, their
// scopes, and the history of changes to them. It authenticates a client by its
// secret; package smart does so by its keys.
//
// It knows nothing of serving HTTP, of exports, or of which resource types exist.
package auth

import (
	"context"
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

	// SecretID identifies the secret that authenticated the client; nil if none did.
	SecretID []byte

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

// Waiting returns how many logins wait to be verified, because others are.
func (c *Clients) Waiting() int { return int(c.hasher.waiting.Load()) }

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
		Rates:             Rates{Dumps: Rate{r.Dumps}, KickOffs: Rate{r.KickOffs}, Requests: Rate{r.Requests}},
	}, nil
}

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
func (c *Clients) List(ctx context.Context) ([]Client, error) { return c.list(ctx, selectClients) }

func (c *Clients) list(ctx context.Context, sql string, args ...any) ([]Client, error) {
	found, err := collect[row](ctx, c.pool, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("auth: list clients: %w", err)
	}
	clients := make([]Client, len(found))
	for i, r := range found {
		if clients[i], err = r.client(); err != nil {
			return nil, fmt.Errorf("auth: list clients: %w", err)
		}
	}
	return clients, nil
}

const selectValid = `SELECT ` + columns + ` FROM sluice.client c
WHERE id = ANY ($1) AND (expires_at IS NULL OR expires_at > now())`

// Valid returns the clients with these ids that exist and have not expired, by
// id.
func (c *Clients) Valid(ctx context.Context, ids []string) (map[string]Client, error) {
	clients, err := c.list(ctx, selectValid, ids)
	valid := make(map[string]Client, len(clients))
	for _, client := range clients {
		valid[client.ID] = client
	}
	return valid, err
}

// Get returns the client with this id, or ErrNoClient.
func (c *Clients) Get(ctx context.Context, id string) (Client, error) {
	found, err := find(ctx, c.pool, selectClient, id)
	if err != nil {
		return Client{}, fmt.Errorf("auth: client %q: %w", id, err)
	}
	client, err := found.client()
	if err != nil {
		return Client{}, fmt.Errorf("auth: %w", err)
	}
	return client, nil
}

const (
	selectClient = `SELECT ` + columns + ` FROM sluice.client c WHERE id = $1`
	lockClient   = selectClient + ` FOR UPDATE`
)

// find returns the row of a client, selected by selectClient or lockClient, or
// ErrNoClient.
func find(ctx context.Context, db querier, sql, id string) (row, error) {
	if !validID(id) {
		return row{}, ErrNoClient
	}
	found, err := collect[row](ctx, db, sql, id)
	if err != nil {
		return row{}, err
	}
	if len(found) == 0 {
		return row{}, ErrNoClient
	}
	return found[0], nil
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func collect[T any](ctx context.Context, db querier, sql string, args ...any) ([]T, error) {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[T])
}
