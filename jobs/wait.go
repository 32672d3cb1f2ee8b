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
	// waitSQL locks the export, so that exactly one caller starts its wait.
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

// RecordWait records that the export waits for something that is unavailable. It
// returns how long the export has waited so far and whether this call started the wait,
// or ErrStale if the attempt does not count any more or the export has ended.
func (s *Store) RecordWait(ctx context.Context, attempt Attempt, reason string) (waited time.Duration, started bool, err error) {
	err = s.inTx(ctx, "record wait", func(ctx context.Context, tx pgx.Tx) error {
		if err := attempt.check(ctx, tx); err != nil {
			return err
		}
		err := tx.QueryRow(ctx, waitSQL, attempt.ExportID, reason).Scan(&started, &waited)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrStale
		}
		return err
	})
	return waited, started, err
}

// EndWait ends the wait of an export that makes progress, unless its reason is one of
// lasting, which progress does not disprove. It returns how long the export has waited
// and whether this call ended the wait.
func (s *Store) EndWait(ctx context.Context, id uuid.UUID, lasting []string) (waited time.Duration, ended bool, err error) {
	err = s.pool.QueryRow(ctx, endWaitSQL, id, lasting).Scan(&waited)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("jobs: end wait: %w", err)
	}
	return waited, true, nil
}

// strandedAfter is how long a job is available before no worker is expected to take it.
const strandedAfter = 15 * time.Second

// markStrandedSQL finds exports with an available job while no process works on any.
const markStrandedSQL = `
UPDATE sluice.export e SET waiting_since = now(), waiting_reason = $1
WHERE e.state IN ('accepted', 'running') AND e.waiting_since IS NULL
  AND NOT EXISTS (SELECT FROM sluice.export WHERE state = 'running' AND lease_until > now())
  AND NOT EXISTS (SELECT FROM sluice.part WHERE state = 'running' AND lease_until > now())
  AND EXISTS (
    SELECT FROM sluice.river_job j
    WHERE j.state IN ('available', 'retryable', 'scheduled') AND j.scheduled_at < now() - $2::interval
      AND (j.id = e.job_id OR j.id IN (SELECT p.job_id FROM sluice.part p WHERE p.export_id = e.id AND p.state <> 'done')))
RETURNING id`

// MarkStranded records that exports whose jobs no process takes wait for a worker. A
// process that takes no jobs itself calls it. It returns the exports whose wait this
// call started.
func (s *Store) MarkStranded(ctx context.Context, reason string) ([]uuid.UUID, error) {
	return list(ctx, s, "record stranded exports", pgx.RowTo[uuid.UUID], markStrandedSQL, reason, strandedAfter)
}

// IdleExport is an unfinished export that no process works on: it waits, or no process
// takes its jobs.
type IdleExport struct {
	ID     uuid.UUID
	Reason string        // why it waits; empty if it does not
	Waited time.Duration // for how long
	Age    time.Duration // since the kick-off
}

const (
	countWaitingSQL = `SELECT count(*) FROM sluice.export WHERE state IN ('accepted', 'running') AND waiting_since IS NOT NULL`

	// idleSQL considers an export with unfinished parts idle unless one of them is
	// being read: its own job only waits for them.
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

// IdleExports returns the exports that no process works on, of those that wait or are
// older than maxAge, and the number of all exports that wait.
func (s *Store) IdleExports(ctx context.Context, maxAge time.Duration) (idle []IdleExport, waiting int, err error) {
	if err := s.pool.QueryRow(ctx, countWaitingSQL).Scan(&waiting); err != nil {
		return nil, 0, fmt.Errorf("jobs: count waiting exports: %w", err)
	}
	idle, err = list(ctx, s, "list idle exports", pgx.RowToStructByPos[IdleExport], idleSQL, maxAge)
	return idle, waiting, err
}

const hasWaitingSQL = `SELECT EXISTS (SELECT FROM sluice.export
WHERE state IN ('accepted', 'running') AND waiting_since IS NOT NULL AND waiting_reason = $1)`

// HasWaiting reports whether any export waits for this reason.
func (s *Store) HasWaiting(ctx context.Context, reason string) (waits bool, err error) {
	if err := s.pool.QueryRow(ctx, hasWaitingSQL, reason).Scan(&waits); err != nil {
		return false, fmt.Errorf("jobs: find waiting exports: %w", err)
	}
	return waits, nil
}
