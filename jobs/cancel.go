package jobs

import (
	"context"

	"github.com/jackc/pgx/v5"
)

const (
	// Jobs that nobody works on are cancelled all at once: there can be many.
	cancelWaitingSQL = `
UPDATE sluice.river_job SET state = 'cancelled', finalized_at = now()
WHERE id = ANY($1) AND state IN ('available', 'pending', 'retryable', 'scheduled')`

	runningJobsSQL = `SELECT id FROM sluice.river_job WHERE id = ANY($1) AND state = 'running'`
)

// cancelJobs cancels those of the jobs that have not ended. River tells the
// processes that work on one.
func (s *Store) cancelJobs(ctx context.Context, tx pgx.Tx, ids []int64) error {
	if _, err := tx.Exec(ctx, cancelWaitingSQL, ids); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, runningJobsSQL, ids)
	if err != nil {
		return err
	}
	running, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return err
	}
	for _, id := range running {
		if _, err := s.river.JobCancelTx(ctx, tx, id); err != nil {
			return err
		}
	}
	return nil
}
