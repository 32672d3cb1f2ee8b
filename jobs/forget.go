package jobs

import (
	"context"
	"fmt"
	"time"
)

const (
	// forgetBatch bounds the work of one statement.
	forgetBatch = 1000

	// maxRemembered is how many exports of one client are remembered after their
	// end.
	maxRemembered = 10_000
)

// forgetSQL spares exports whose objects may still be there: nobody else would
// know of those. The status of a cancelled one is that of an unknown one anyway.
const forgetSQL = `
DELETE FROM sluice.export WHERE id IN (
    SELECT id FROM (
        SELECT id, state, finished_at, expires_at, row_number() OVER (PARTITION BY client_id ORDER BY finished_at DESC) AS number
        FROM sluice.export WHERE state IN ('failed', 'cancelled', 'expired') AND swept_at IS NOT NULL
    ) AS ended
    WHERE state = 'cancelled' OR number > $3 OR greatest(finished_at, expires_at) < now() - $1::interval
    LIMIT $2)`

// DeleteOld deletes what is known of exports whose files are gone: of those that
// ended at least this long ago, of those that were cancelled, and of the oldest
// of a client that has too many. Their status is then that of unknown exports.
// It returns how many it deleted, which need not be all.
func (s *Store) DeleteOld(ctx context.Context, after time.Duration) (count int64, err error) {
	tag, err := s.pool.Exec(ctx, forgetSQL, after, forgetBatch, maxRemembered)
	if err != nil {
		return 0, fmt.Errorf("jobs: forget old exports: %w", err)
	}
	return tag.RowsAffected(), nil
}
