package jobs

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	knownSQL = `SELECT id FROM sluice.export WHERE id = ANY($1)`
	anySQL   = `SELECT EXISTS (SELECT FROM sluice.export)`
)

// Known returns those of the ids that are exports of the state database, in any
// state, and whether it has exports at all.
func (s *Store) Known(ctx context.Context, ids []uuid.UUID) (known []uuid.UUID, exports bool, err error) {
	if err := s.pool.QueryRow(ctx, anySQL).Scan(&exports); err != nil {
		return nil, false, fmt.Errorf("jobs: look for exports: %w", err)
	}
	rows, err := s.pool.Query(ctx, knownSQL, ids)
	if err != nil {
		return nil, false, fmt.Errorf("jobs: look for exports: %w", err)
	}
	if known, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID]); err != nil {
		return nil, false, fmt.Errorf("jobs: look for exports: %w", err)
	}
	return known, exports, nil
}
