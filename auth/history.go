package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// WithActor returns the same clients with an actor for the history. onChange, unless
// nil, is called after each change.
func (c *Clients) WithActor(actor string, onChange func(Entry)) *Clients {
	clients := *c
	clients.actor, clients.onChange = actor, onChange
	return &clients
}

// Entry is one change of a client in its history.
type Entry struct {
	ID       int64
	At       time.Time
	ClientID string
	Action   string // add, rotate, expire, revoke, change or remove, CancelExport or ExpireExport
	Actor    string
	Role     string // of the database

	// Details are the properties that differ, by name. They contain no secret.
	Details map[string]string
}

// change runs do, which changes one client, and records the differences, in one
// transaction. do receives the client as it was, zero if it did not exist.
func (c *Clients) change(ctx context.Context, action, id string, do func(pgx.Tx, row) error) error {
	if !validID(id) {
		return ErrNoClient
	}
	var entry Entry
	err := pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error {
		before, err := find(ctx, tx, lockClient, id)
		if err != nil && !errors.Is(err, ErrNoClient) {
			return err
		}
		if err := do(tx, before); err != nil {
			return err
		}
		after, err := find(ctx, tx, selectClient, id)
		if err != nil && !errors.Is(err, ErrNoClient) {
			return err
		}
		entries, err := collect[Entry](ctx, tx, insertChange, id, action, c.actor, differences(before, after))
		if err == nil {
			entry = entries[0]
		}
		return err
	})
	if err == nil && c.onChange != nil {
		c.onChange(entry)
	}
	return err
}

// The actions of operators on exports of a client, for Record. Their details name the
// export.
const (
	CancelExport = "cancel export"
	ExpireExport = "expire export"
)

// Record adds an action of the actor that concerns a client to the client's history, in
// a transaction of the caller. It does not call onChange, because the caller may roll
// back. The client need not exist any more.
func (c *Clients) Record(ctx context.Context, tx pgx.Tx, action, id string, details map[string]string) (Entry, error) {
	entries, err := collect[Entry](ctx, tx, insertChange, id, action, c.actor, details)
	if err != nil {
		return Entry{}, fmt.Errorf("auth: record %s of client %q: %w", action, id, err)
	}
	return entries[0], nil
}

const (
	entryColumns = `id, at, client_id, action, actor, role, details`

	insertChange = `
INSERT INTO sluice.client_change (client_id, action, actor, details) VALUES ($1, $2, $3, $4)
RETURNING ` + entryColumns

	selectChanges = `
SELECT ` + entryColumns + ` FROM (
	SELECT * FROM sluice.client_change WHERE client_id = $1 ORDER BY id DESC LIMIT $2
) AS latest ORDER BY id`

	selectUnstored = `
SELECT ` + entryColumns + ` FROM sluice.client_change
WHERE stored_at IS NULL ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED`

	markStored = `UPDATE sluice.client_change SET stored_at = now() WHERE id = ANY($1)`
)

// maxEntries bounds what History returns, and the batches of StoreChanges.
const maxEntries = 100

// History returns the latest changes of a client, the oldest first, also after
// the client was removed.
func (c *Clients) History(ctx context.Context, id string) ([]Entry, error) {
	entries, err := collect[Entry](ctx, c.pool, selectChanges, id, maxEntries)
	if err != nil {
		return nil, fmt.Errorf("auth: history of client %q: %w", id, err)
	}
	return entries, nil
}

// StoreChanges passes the oldest changes of clients that have not been stored
// elsewhere to store, marks them as stored if it succeeds, and returns their
// number. Each change is passed to one process at a time, and again if that one
// fails.
func (c *Clients) StoreChanges(ctx context.Context, store func([]Entry) error) (count int, err error) {
	err = pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error {
		entries, err := collect[Entry](ctx, tx, selectUnstored, maxEntries)
		if err != nil || len(entries) == 0 {
			return err
		}
		if err := store(entries); err != nil {
			return err
		}
		ids := make([]int64, len(entries))
		for i, entry := range entries {
			ids[i] = entry.ID
		}
		count = len(entries)
		_, err = tx.Exec(ctx, markStored, ids)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("auth: changes of clients: %w", err)
	}
	return count, nil
}
