package jobs

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const knownSQL = `SELECT id FROM sluice.export WHERE id = ANY($1)`

// FilterExisting returns those of the ids that are exports of the state database, in any
// state.
func (s *Store) FilterExisting(ctx context.Context, ids []uuid.UUID) ([]uuid.UUID, error) {
	rows, err := s.pool.Query(ctx, knownSQL, ids)
	if err != nil {
		return nil, fmt.Errorf("jobs: look for exports: %w", err)
	}
	known, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("jobs: look for exports: %w", err)
	}
	return known, nil
}
