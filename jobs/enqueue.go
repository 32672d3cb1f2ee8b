package jobs

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
)

// dueSQL makes jobs due at once, by the database's clock. River has scheduled
// them by the clock of this process, which may be ahead.
const dueSQL = `UPDATE sluice.river_job SET scheduled_at = now(), created_at = now() WHERE id = ANY($1)`

// enqueue inserts jobs that are due at once, and returns their ids.
func (s *Store) enqueue(ctx context.Context, tx pgx.Tx, args ...river.JobArgs) ([]int64, error) {
	params := make([]river.InsertManyParams, len(args))
	for i := range args {
		params[i].Args = args[i]
	}
	inserted, err := s.river.InsertManyTx(ctx, tx, params)
	if err != nil {
		return nil, err
	}
	ids := make([]int64, len(inserted))
	for i, job := range inserted {
		ids[i] = job.Job.ID
	}
	_, err = tx.Exec(ctx, dueSQL, ids)
	return ids, err
}
