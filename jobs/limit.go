package jobs

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// LimitError means that so many exports run already that no other is accepted.
type LimitError struct {
	// Limit is how many may be accepted or running.
	Limit int

	// Client tells whether the limit is that of the client, or of all.
	Client bool
}

func (e *LimitError) Error() string {
	if e.Client {
		return fmt.Sprintf("%d exports of the client are running already", e.Limit)
	}
	return fmt.Sprintf("%d exports are running already", e.Limit)
}

const (
	// acceptLockSQL makes kick-offs wait for each other, or two that count at
	// the same time would both find room for one.
	acceptLockSQL = `SELECT pg_advisory_xact_lock(hashtextextended('sluice.accept', 0))`

	unfinishedSQL = `
SELECT count(*), count(*) FILTER (WHERE client_id = $1) FROM sluice.export WHERE state IN ('accepted', 'running')`
)

// checkLimits returns a LimitError if the client may start no export now.
func (s *Store) checkLimits(ctx context.Context, tx pgx.Tx, clientID string) error {
	perClient, total := s.config.ClientExports, s.config.TotalExports
	if perClient == 0 && total == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, acceptLockSQL); err != nil {
		return err
	}
	var all, own int
	if err := tx.QueryRow(ctx, unfinishedSQL, clientID).Scan(&all, &own); err != nil {
		return err
	}
	switch {
	case perClient > 0 && own >= perClient:
		return &LimitError{Limit: perClient, Client: true}
	case total > 0 && all >= total:
		return &LimitError{Limit: total}
	}
	return nil
}
