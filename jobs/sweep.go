package jobs

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
)

const (
	// SweepEvery is the period of SweepArgs.
	SweepEvery = time.Hour

	// sweepAfter is how long after its end an export is swept. By then whoever
	// had lost it without knowing has seen so, or is dead.
	sweepAfter = time.Hour

	// sweepBatch bounds the work of one sweep; the next goes on.
	sweepBatch = 1000
)

// SweepArgs is the periodic job that removes what crashes have left in the
// bucket of exports that have ended.
type SweepArgs struct{}

// Kind names the job to River.
func (SweepArgs) Kind() string { return "sluice_sweep" }

// InsertOpts makes a run that is due while one waits the same run.
func (SweepArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{
		Queue:       QueueCleanup,
		MaxAttempts: 1, // the next period tries again
		UniqueOpts:  river.UniqueOpts{ByPeriod: SweepEvery},
	}
}

// UnsweptExport is an export that has ended and of which something may be left that
// nobody wants.
type UnsweptExport struct {
	ID uuid.UUID

	// Completed means that its objects are wanted. What else there is, such as
	// unfinished uploads, is not; of other exports nothing is.
	Completed bool

	state State
}

const leftoversSQL = `
SELECT id, state FROM sluice.export
WHERE swept_at IS NULL AND finished_at < now() - $1::interval
ORDER BY finished_at LIMIT $2`

// Unswept lists exports that ended a while ago and were not swept since.
func (s *Store) Unswept(ctx context.Context) ([]UnsweptExport, error) {
	rows, err := s.pool.Query(ctx, leftoversSQL, sweepAfter, sweepBatch)
	if err != nil {
		return nil, fmt.Errorf("jobs: list leftovers: %w", err)
	}
	leftovers, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l UnsweptExport, err error) {
		err = row.Scan(&l.ID, &l.state)
		l.Completed = l.state == Completed
		return l, err
	})
	if err != nil {
		return nil, fmt.Errorf("jobs: list leftovers: %w", err)
	}
	return leftovers, nil
}

const sweptSQL = `UPDATE sluice.export SET swept_at = now() WHERE id = $1 AND state = $2`

// MarkSwept says that nothing is left. An export that ended in another way meanwhile
// has to be swept again.
func (s *Store) MarkSwept(ctx context.Context, leftover UnsweptExport) error {
	if !leftover.Completed {
		if err := s.MarkObjectsDeleted(ctx, leftover.ID); err != nil {
			return err
		}
	}
	if _, err := s.pool.Exec(ctx, sweptSQL, leftover.ID, leftover.state); err != nil {
		return fmt.Errorf("jobs: note the sweep: %w", err)
	}
	return nil
}
