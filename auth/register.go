package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// uniqueViolation is PostgreSQL's SQLSTATE for a key that is taken.
const uniqueViolation = "23505"

// Registration is what a new client is made of. It has a secret, keys, or both.
type Registration struct {
	// ID is 1 to 128 visible ASCII characters but the colon.
	ID string

	// Scopes are what the client may take. Together they must allow at least
	// one resource type.
	Scopes []string

	// Secret is 6 to 1024 bytes of UTF-8 without control characters. Empty
	// means that the client has none: it signs assertions by its keys.
	Secret string

	// SecretLife is how long the secret works; zero means without end.
	SecretLife time.Duration

	// Keys are the public keys of SMART Backend Services.
	Keys Keys

	// Groups, unless nil, are the only Groups whose data the client may take.
	Groups []string

	// ExpiresAt is when the client is refused from; zero means never.
	ExpiresAt time.Time

	// Rates are how often it may ask.
	Rates Rates
}

// Keys are the public keys of a client: a JWK Set, or where one is.
type Keys struct {
	JWKS []byte
	URL  string

	// Anywhere lets URL be http and lead to private addresses.
	Anywhere bool
}

const insertClient = `
INSERT INTO sluice.client (id, scopes, secret_hash, secret_expires_at, jwks, jwks_url, groups, expires_at, dumps, kick_offs, requests)
VALUES ($1, $2, $3, now() + $4::bigint * interval '1 microsecond', $5, $6, $7, $8, $9, $10, $11)`

// Add registers a client of HTTP Basic that may take what the scopes say.
func (c *Clients) Add(ctx context.Context, id, secret string, scopes []string) error {
	return c.Register(ctx, Registration{ID: id, Secret: secret, Scopes: scopes})
}

// Register stores a new client, its secret as an argon2id hash only.
//
// The error is ErrClientExists for an id that is taken, ErrInvalidScope for a
// scope that is not understood, and ErrInvalidClient for the rest.
func (c *Clients) Register(ctx context.Context, r Registration) error {
	granted, err := r.check()
	if err != nil {
		return fmt.Errorf("auth: add client %q: %w", r.ID, err)
	}
	var hash *string
	if r.Secret != "" {
		made, err := c.hasher.hash(ctx, r.Secret)
		if err != nil {
			return fmt.Errorf("auth: add client %q: %w", r.ID, err)
		}
		hash = &made
	}

	err = c.change(ctx, "add", r.ID, func(tx pgx.Tx, before row) error {
		if before.ID != "" {
			return ErrClientExists
		}
		_, err := tx.Exec(ctx, insertClient, r.ID, granted.Strings(), hash, microseconds(r.SecretLife),
			column(string(r.Keys.JWKS)), column(r.Keys.URL), r.Groups, column(r.ExpiresAt),
			r.Rates.Dumps.column(), r.Rates.KickOffs.column(), r.Rates.Requests.column())
		return err
	})
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == uniqueViolation {
		err = ErrClientExists
	}
	if err != nil {
		return fmt.Errorf("auth: add client %q: %w", r.ID, err)
	}
	return nil
}

// column is what a column is set to: NULL for zero.
func column[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// microseconds is a duration as PostgreSQL counts it; nil for none.
func microseconds(d time.Duration) *int64 { return column(d.Microseconds()) }

const deleteClient = `DELETE FROM sluice.client WHERE id = $1`

// Remove deletes a client with its tokens, who is refused from then on by every
// process. The error is ErrNoClient when there is none. Whoever is given its id
// afterwards is taken for the owner of its exports: Expire only refuses it.
func (c *Clients) Remove(ctx context.Context, id string) error {
	return c.run(ctx, "remove", id, deleteClient)
}

// run runs a statement that changes one client ($1), or returns ErrNoClient.
func (c *Clients) run(ctx context.Context, action, id, sql string, args ...any) error {
	err := c.change(ctx, action, id, func(tx pgx.Tx, before row) error {
		if before.ID == "" {
			return ErrNoClient
		}
		_, err := tx.Exec(ctx, sql, append([]any{id}, args...)...)
		return err
	})
	if err != nil {
		return fmt.Errorf("auth: %s client %q: %w", action, id, err)
	}
	return nil
}
