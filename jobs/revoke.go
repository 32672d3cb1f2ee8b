package jobs

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	// unfinishedOfSQL lists the exports of a client that have not ended, keptOfSQL
	// also those that have files.
	unfinishedOfSQL = `SELECT id FROM sluice.export WHERE client_id = $1 AND state IN ('accepted', 'running') ORDER BY id`
	keptOfSQL       = `SELECT id FROM sluice.export WHERE client_id = $1 AND state IN ('accepted', 'running', 'completed') ORDER BY id`

	// expiredClientsSQL lists the expired clients that have such exports.
	expiredClientsSQL = `
SELECT DISTINCT c.id FROM sluice.client c JOIN sluice.export e ON e.client_id = c.id
WHERE e.state IN ('accepted', 'running') AND c.expires_at <= now()`
)

// CancelUnfinished cancels the exports of a client that are accepted or running
// and returns how many there were.
func (s *Store) CancelUnfinished(ctx context.Context, clientID string) (count int, err error) {
	return s.cancelListed(ctx, clientID, unfinishedOfSQL)
}

// CancelAll is CancelUnfinished for completed exports too: their files are
// removed, and with them what signed links lead to.
func (s *Store) CancelAll(ctx context.Context, clientID string) (count int, err error) {
	return s.cancelListed(ctx, clientID, keptOfSQL)
}

func (s *Store) cancelListed(ctx context.Context, clientID, sql string) (count int, err error) {
	rows, err := s.pool.Query(ctx, sql, clientID)
	if err != nil {
		return 0, fmt.Errorf("jobs: list the client's exports: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return 0, fmt.Errorf("jobs: list the client's exports: %w", err)
	}
	for _, id := range ids {
		switch err := s.Cancel(ctx, id, clientID); {
		case err == nil:
			count++
		case !errors.Is(err, ErrNotFound): // cancelled or forgotten meanwhile
			return count, err
		}
	}
	return count, nil
}

// CancelExpired cancels the exports that are accepted or running of clients that
// have expired, and returns how many there were.
func (s *Store) CancelExpired(ctx context.Context) (count int, err error) {
	rows, err := s.pool.Query(ctx, expiredClientsSQL)
	if err != nil {
		return 0, fmt.Errorf("jobs: list expired clients: %w", err)
	}
	clients, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return 0, fmt.Errorf("jobs: list expired clients: %w", err)
	}
	for _, client := range clients {
		cancelled, err := s.CancelUnfinished(ctx, client)
		count += cancelled
		if err != nil {
			return count, err
		}
	}
	return count, nil
}
