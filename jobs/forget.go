package jobs

import (
	"context"
	"fmt"
	"time"
)

// forgetBatch bounds the work of one sweep; the next goes on.
const forgetBatch = 1000

// forgetSQL spares exports whose objects may still be there: nobody else would
// know of those.
const forgetSQL = `
DELETE FROM sluice.export WHERE id IN (
    SELECT id FROM sluice.export
    WHERE state IN ('failed', 'cancelled', 'expired') AND swept_at IS NOT NULL
      AND greatest(finished_at, expires_at) < now() - $1::interval
    ORDER BY finished_at LIMIT $2)`

// Forget removes what is known of exports that have ended, and whose files went,
// at least this long ago. Their status is then that of exports that never were.
// It returns how many there were.
func (s *Store) Forget(ctx context.Context, after time.Duration) (count int64, err error) {
	tag, err := s.pool.Exec(ctx, forgetSQL, after, forgetBatch)
	if err != nil {
		return 0, fmt.Errorf("jobs: forget old exports: %w", err)
	}
	return tag.RowsAffected(), nil
}
