// Package auth says who a client is and what it may take: clients with hashed
// secrets in Sluice's own schema, and the SMART scopes granted to them.
//
// It knows nothing of HTTP, of exports, or of which resource types exist.
package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// uniqueViolation is PostgreSQL's SQLSTATE for a key that is taken.
const uniqueViolation = "23505"

// Client is a program that may ask Sluice for data.
type Client struct {
	ID        string
	Scopes    Scopes
	CreatedAt time.Time
}

// Clients are the clients in the table sluice.client. It is safe for
// concurrent use.
type Clients struct {
	pool   *pgxpool.Pool
	hasher *hasher
	cache  *cache
}

// NewClients returns the clients of the state database. The table must exist.
func NewClients(pool *pgxpool.Pool) *Clients {
	return &Clients{pool: pool, hasher: newHasher(), cache: newCache()}
}

const insertClient = `INSERT INTO sluice.client (id, secret_hash, scopes) VALUES ($1, $2, $3)`

// Add stores a new client, its secret as an argon2id hash only. Together the
// scopes must allow at least one resource type to be taken.
//
// The error is ErrClientExists for an id that is taken, ErrInvalidScope for a
// scope that is not understood, and ErrInvalidClient for the rest: an id is 1
// to 128 visible ASCII characters but the colon, a secret 6 to 1024 bytes of
// UTF-8 without control characters.
func (c *Clients) Add(ctx context.Context, id, secret string, scopes []string) error {
	granted, err := checkClient(id, secret, scopes)
	if err != nil {
		return fmt.Errorf("auth: add client %q: %w", id, err)
	}
	hash, err := c.hasher.hash(ctx, secret)
	if err != nil {
		return fmt.Errorf("auth: add client %q: %w", id, err)
	}

	_, err = c.pool.Exec(ctx, insertClient, id, hash, granted.Strings())
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == uniqueViolation {
		err = ErrClientExists
	}
	if err != nil {
		return fmt.Errorf("auth: add client %q: %w", id, err)
	}
	return nil
}

// row is a row of sluice.client.
type row struct {
	ID        string
	Hash      string
	Scopes    []string
	CreatedAt time.Time
}

// client returns what others may know of the row.
func (r row) client() (Client, error) {
	scopes, err := ParseScopes(r.Scopes)
	if err != nil {
		return Client{}, fmt.Errorf("client %q: %w", r.ID, err)
	}
	return Client{ID: r.ID, Scopes: scopes, CreatedAt: r.CreatedAt}, nil
}

const selectClients = `SELECT id, secret_hash, scopes, created_at FROM sluice.client ORDER BY id COLLATE "C"`

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

const deleteClient = `DELETE FROM sluice.client WHERE id = $1`

// Remove deletes a client, who is refused from then on by every process. The
// error is ErrNoClient when there is none.
func (c *Clients) Remove(ctx context.Context, id string) error {
	if !validID(id) {
		return fmt.Errorf("auth: remove client %q: %w", id, ErrNoClient)
	}
	tag, err := c.pool.Exec(ctx, deleteClient, id)
	if err == nil && tag.RowsAffected() == 0 {
		err = ErrNoClient
	}
	if err != nil {
		return fmt.Errorf("auth: remove client %q: %w", id, err)
	}
	return nil
}
