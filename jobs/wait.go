package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	// waitSQL locks the export, so that exactly one caller begins its wait.
	waitSQL = `
WITH former AS (
    SELECT id, waiting_since FROM sluice.export WHERE id = $1 AND state IN ('accepted', 'running') FOR NO KEY UPDATE
)
UPDATE sluice.export e SET waiting_since = coalesce(former.waiting_since, now()), waiting_reason = $2
FROM former WHERE e.id = former.id
RETURNING former.waiting_since IS NULL, now() - e.waiting_since`

	endWaitSQL = `
WITH former AS (
    SELECT id, waiting_since FROM sluice.export
    WHERE id = $1 AND waiting_since IS NOT NULL AND waiting_reason <> ALL($2::text[]) FOR NO KEY UPDATE
)
UPDATE sluice.export e SET waiting_since = NULL, waiting_reason = NULL
FROM former WHERE e.id = former.id
RETURNING now() - former.waiting_since`
)

// RecordWait records that the export waits for something that is away. It returns how
// long the export has waited so far, and whether the wait begins with this call.
// ErrStale if the attempt is stale or the export has ended.
func (s *Store) RecordWait(ctx context.Context, attempt Attempt, reason string) (waited time.Duration, begins bool, err error) {
	err = s.transact(ctx, "record wait", func(tx pgx.Tx) error {
		if err := attempt.check(ctx, tx); err != nil {
			return err
		}
		err := tx.QueryRow(ctx, waitSQL, attempt.ExportID, reason).Scan(&begins, &waited)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrStale
		}
		return err
	})
	return waited, begins, err
}

// EndWait records that the export makes progress, which says nothing about the lasting
// reasons to wait. It returns how long the export has waited, and whether the wait ends
// with this call.
func (s *Store) EndWait(ctx context.Context, id uuid.UUID, lasting []string) (waited time.Duration, ends bool, err error) {
	err = s.pool.QueryRow(ctx, endWaitSQL, id, lasting).Scan(&waited)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("jobs: end wait: %w", err)
	}
	return waited, true, nil
}

// strandedAfter is how long a job is due before nobody is expected to take it.
const strandedAfter = 15 * time.Second

// strandSQL finds exports with a job that is due while no process works on any.
const strandSQL = `
UPDATE sluice.export e SET waiting_since = now(), waiting_reason = $1
WHERE e.state IN ('accepted', 'running') AND e.waiting_since IS NULL
  AND NOT EXISTS (SELECT FROM sluice.export WHERE state = 'running' AND lease_until > now())
  AND NOT EXISTS (SELECT FROM sluice.part WHERE state = 'running' AND lease_until > now())
  AND EXISTS (
    SELECT FROM sluice.river_job j
    WHERE j.state IN ('available', 'retryable', 'scheduled') AND j.scheduled_at < now() - $2::interval
      AND (j.id = e.job_id OR j.id IN (SELECT p.job_id FROM sluice.part p WHERE p.export_id = e.id AND p.state <> 'done')))
RETURNING id`

// MarkStranded records that exports wait for a worker, for a process that takes no jobs
// itself: those whose jobs nobody takes. It returns the exports whose wait begins
// with this call.
func (s *Store) MarkStranded(ctx context.Context, reason string) ([]uuid.UUID, error) {
	rows, err := s.pool.Query(ctx, strandSQL, reason, strandedAfter)
	if err != nil {
		return nil, fmt.Errorf("jobs: record stranded exports: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("jobs: record stranded exports: %w", err)
	}
	return ids, nil
}

// IdleExport is an export that has not ended and that no process works on: it
// waits, or no process takes its jobs.
type IdleExport struct {
	ID     uuid.UUID
	Reason string // why it waits; empty if it does not

	// Waited is for how long, Age the time since the kick-off.
	Waited, Age time.Duration
}

const (
	countWaitingSQL = `SELECT count(*) FROM sluice.export WHERE state IN ('accepted', 'running') AND waiting_since IS NOT NULL`

	// idleSQL takes an export whose parts are read for one that is worked on only
	// while one of them is read: its own job then waits for them.
	idleSQL = `
SELECT id, coalesce(waiting_reason, ''), coalesce(now() - waiting_since, '0'), now() - created_at
FROM sluice.export e
WHERE state IN ('accepted', 'running') AND (waiting_since IS NOT NULL OR created_at < now() - $1::interval)
  AND NOT EXISTS (
    SELECT FROM sluice.river_job j
    WHERE j.id = e.job_id AND j.state = 'running' AND e.lease_until > now()
      AND (e.transaction_time IS NULL OR e.parts_done = e.parts_total))
  AND NOT EXISTS (
    SELECT FROM sluice.part p JOIN sluice.river_job j ON j.id = p.job_id
    WHERE p.export_id = e.id AND p.state = 'running' AND p.lease_until > now() AND j.state = 'running')`
)

// IdleExports lists the exports that no process works on, of those that wait or are older
// than maxAge. It also returns the number of all exports that wait.
func (s *Store) IdleExports(ctx context.Context, maxAge time.Duration) (idle []IdleExport, waiting int, err error) {
	if err := s.pool.QueryRow(ctx, countWaitingSQL).Scan(&waiting); err != nil {
		return nil, 0, fmt.Errorf("jobs: count waiting exports: %w", err)
	}
	rows, err := s.pool.Query(ctx, idleSQL, maxAge)
	if err != nil {
		return nil, 0, fmt.Errorf("jobs: list idle exports: %w", err)
	}
	if idle, err = pgx.CollectRows(rows, pgx.RowToStructByPos[IdleExport]); err != nil {
		return nil, 0, fmt.Errorf("jobs: list idle exports: %w", err)
	}
	return idle, waiting, nil
}

const waitsForSQL = `SELECT EXISTS (SELECT FROM sluice.export
WHERE state IN ('accepted', 'running') AND waiting_since IS NOT NULL AND waiting_reason = $1)`

// HasWaiting reports whether an export waits for this reason.
func (s *Store) HasWaiting(ctx context.Context, reason string) (waits bool, err error) {
	if err := s.pool.QueryRow(ctx, waitsForSQL, reason).Scan(&waits); err != nil {
		return false, fmt.Errorf("jobs: find waiting exports: %w", err)
	}
	return waits, nil
}

// failWaitingSQL ends an export if its wait has not ended meanwhile.
const failWaitingSQL = `
UPDATE sluice.export SET state = 'failed', finished_at = now(), failure = $2, ` + forgetRequestSQL + `
WHERE id = $1 AND state IN ('accepted', 'running') AND waiting_since IS NOT NULL
RETURNING job_id`

// FailWaiting is Fail for an export that has waited too long. ErrStale if it no
// longer waits.
func (s *Store) FailWaiting(ctx context.Context, id uuid.UUID, reason string) error {
	return s.move(ctx, id, "fail export", func(tx pgx.Tx) error {
		return s.abandon(ctx, tx, id, ErrStale, failWaitingSQL, id, reason)
	})
}
