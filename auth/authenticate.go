package auth

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const selectClient = `SELECT id, secret_hash, scopes, created_at FROM sluice.client WHERE id = $1`

// Authenticate returns the client that id and secret belong to, or
// ErrBadCredentials. An unknown id costs as much as a wrong secret, so that the
// time tells nobody which ids exist. Any other error is the database's, or that
// ctx ended while others were hashing: the credentials may well be right.
//
// The row is read at each call: a client that was removed, or whose hash or
// scopes changed, is seen at once. Within a minute after a secret was verified,
// the hashing is saved.
func (c *Clients) Authenticate(ctx context.Context, id, secret string) (Client, error) {
	found, err := c.find(ctx, id)
	if err != nil {
		return Client{}, fmt.Errorf("auth: authenticate: %w", err)
	}
	right, err := c.verify(ctx, found, secret)
	if err != nil {
		return Client{}, fmt.Errorf("auth: authenticate %q: %w", id, err)
	}
	if !right || found.ID != id {
		return Client{}, ErrBadCredentials
	}

	client, err := found.client()
	if err != nil {
		return Client{}, fmt.Errorf("auth: authenticate: %w", err)
	}
	return client, nil
}

// find reads the row of a client. For an id that nobody has it returns a row
// without an id whose hash fits no secret.
func (c *Clients) find(ctx context.Context, id string) (row, error) {
	decoy := row{Hash: c.hasher.decoy}
	if !validID(id) {
		return decoy, nil
	}
	rows, err := c.pool.Query(ctx, selectClient, id)
	if err != nil {
		return row{}, err
	}
	found, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[row])
	if errors.Is(err, pgx.ErrNoRows) {
		return decoy, nil
	}
	return found, err
}

// verify checks the secret against the row's hash, or against what is known of
// it from the last minute.
func (c *Clients) verify(ctx context.Context, found row, secret string) (bool, error) {
	m := c.cache.mark(found.ID, found.Hash, secret)
	if c.cache.has(m) {
		return true, nil
	}
	if err := c.hasher.enter(ctx); err != nil {
		return false, err
	}
	defer c.hasher.leave()

	// Of many requests that came together with the same secret, the first has
	// done the work while the others waited.
	if c.cache.has(m) {
		return true, nil
	}
	right, err := c.hasher.verify(found.Hash, secret)
	if err == nil && right {
		c.cache.add(m)
	}
	return right, err
}
