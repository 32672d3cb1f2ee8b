package auth

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Registration describes a new client. It has a secret, keys, or both.
type Registration struct {
	// ID is 1 to 128 visible ASCII characters without a colon.
	ID string

	// Scopes are the scopes of the client. Together they must allow the export of
	// at least one resource type.
	Scopes []string

	// Secret is the result of NewSecret, or 6 to 1024 bytes of UTF-8 without
	// control characters. Empty means that the client has none and signs
	// assertions with its keys.
	Secret string

	// SecretTTL is how long the secret is valid; zero means without end.
	SecretTTL time.Duration

	// Keys are the public keys of a client of SMART Backend Services.
	Keys Keys

	// Groups, unless nil, are the only Groups whose members' data the client may
	// export.
	Groups []string

	// ExpiresAt is when the client expires; zero means never.
	ExpiresAt time.Time

	// Rates are the client's own rate limits.
	Rates Rates
}

const insertClient = `
INSERT INTO sluice.client (id, scopes, secret_hash, secret_expires_at, jwks, jwks_url, groups, expires_at, dumps, kick_offs, requests)
VALUES ($1, $2, $3, now() + $4::interval, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT DO NOTHING`

// Add registers a client with a secret and these scopes.
func (c *Clients) Add(ctx context.Context, id, secret string, scopes []string) error {
	return c.Register(ctx, Registration{ID: id, Secret: secret, Scopes: scopes})
}

// Register stores a new client. Of the secret it stores a hash only.
//
// The error is ErrClientExists if the id is taken, ErrInvalidScope for a scope
// that is not supported, and ErrInvalidClient for anything else that is invalid.
func (c *Clients) Register(ctx context.Context, r Registration) error {
	scopes, err := r.validate()
	if err != nil {
		return fmt.Errorf("auth: add client %q: %w", r.ID, err)
	}
	var hash *string
	if r.Secret != "" {
		hash = new(c.hashSecret(r.Secret))
	}

	err = c.change(ctx, "add", r.ID, func(tx pgx.Tx, _ row) error {
		tag, err := tx.Exec(ctx, insertClient, r.ID, scopes.Strings(), hash, column(r.SecretTTL),
			column(string(r.Keys.JWKS)), column(r.Keys.URL), r.Groups, column(r.ExpiresAt),
			r.Rates.Dumps.PerMinute, r.Rates.KickOffs.PerMinute, r.Rates.Requests.PerMinute)
		if err == nil && tag.RowsAffected() == 0 {
			err = ErrClientExists
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("auth: add client %q: %w", r.ID, err)
	}
	return nil
}

func (c *Clients) hashSecret(secret string) string {
	if isGenerated(secret) {
		return hashGenerated(secret)
	}
	return c.hasher.hash(secret)
}

// column returns the value for a column: NULL for zero.
func column[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

const deleteClient = `DELETE FROM sluice.client WHERE id = $1`

// Remove deletes a client and its access tokens, or returns ErrNoClient. Every
// process rejects the client from then on. A new client with the same id owns
// the exports of this one; Expire keeps the id.
func (c *Clients) Remove(ctx context.Context, id string) error {
	return c.update(ctx, "remove", id, deleteClient)
}

// update runs a statement that changes one client ($1), or returns ErrNoClient.
func (c *Clients) update(ctx context.Context, action, id, sql string, args ...any) error {
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
