package auth

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// By returns the same clients with the name of who changes them, for the
// history.
func (c *Clients) By(actor string) *Clients {
	named := *c
	named.actor = actor
	return &named
}

// Entry is one change of a client. It tells what was done, but no values:
// neither secrets nor keys.
type Entry struct {
	At     time.Time
	Action string // add, rotate, expire, revoke, change or remove
	Actor  string
	Role   string // of the database
}

const insertChange = `INSERT INTO sluice.client_change (client_id, action, actor) VALUES ($1, $2, $3)`

// record writes down what was done to a client, in the transaction that does
// it.
func (c *Clients) record(ctx context.Context, tx pgx.Tx, id, action string) error {
	_, err := tx.Exec(ctx, insertChange, id, action, c.actor)
	return err
}

const selectChanges = `
SELECT at, action, actor, role FROM (
	SELECT * FROM sluice.client_change WHERE client_id = $1 ORDER BY id DESC LIMIT $2
) AS latest ORDER BY id`

// maxHistory bounds what History returns.
const maxHistory = 100

// History returns the latest changes of a client, the oldest first. It outlives
// the client.
func (c *Clients) History(ctx context.Context, id string) ([]Entry, error) {
	rows, err := c.pool.Query(ctx, selectChanges, id, maxHistory)
	if err != nil {
		return nil, fmt.Errorf("auth: history of client %q: %w", id, err)
	}
	entries, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Entry])
	if err != nil {
		return nil, fmt.Errorf("auth: history of client %q: %w", id, err)
	}
	return entries, nil
}
