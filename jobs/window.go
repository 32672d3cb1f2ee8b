package jobs

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
)

const (
	// windowSQL locks the export and returns how many parts are due to be queued:
	// so many that, with those queued and not yet done, the window is full, and
	// after which number to look for them.
	windowSQL = `
SELECT generation, coalesce(requeue_after, parts_queued), least(parts_done + $2, parts_total) - parts_queued, requires
FROM sluice.export WHERE id = $1 AND state = 'running' FOR UPDATE`

	// nextPartsSQL locks the parts to queue. One that another transaction has
	// locked is about to be dropped; to wait for that would be a deadlock, since
	// whoever drops parts then wants the export.
	nextPartsSQL = `
WITH next AS (
    SELECT number FROM sluice.part WHERE export_id = $1 AND number > $2 AND job_id IS NULL ORDER BY number LIMIT $3
)
SELECT p.number FROM sluice.part p JOIN next ON next.number = p.number
WHERE p.export_id = $1 ORDER BY p.number FOR UPDATE OF p SKIP LOCKED`

	queuedSQL = `
WITH queued AS (
    UPDATE sluice.part p SET job_id = q.job_id
    FROM unnest($2::integer[], $3::bigint[]) AS q (number, job_id)
    WHERE p.export_id = $1 AND p.number = q.number
)
UPDATE sluice.export
SET parts_queued = parts_queued + cardinality($2),
    requeue_after = CASE WHEN requeue_after IS NOT NULL THEN (SELECT max(q.number) FROM unnest($2) AS q (number)) END
WHERE id = $1`
)

// fillWindow queues the next parts of the export, as many as its window has room
// for. So exports that run side by side take turns part by part, however many
// parts one of them has, and the queue stays short.
//
// Each part that is done makes room for the next. Where a crash or a refused
// move has left a gap, the next part that is done closes it, or Reclaim.
func (s *Store) fillWindow(ctx context.Context, tx pgx.Tx, id uuid.UUID) error {
	var generation, after, room, requires int
	err := tx.QueryRow(ctx, windowSQL, id, s.config.Window).Scan(&generation, &after, &room, &requires)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && room <= 0 {
		return nil
	}
	if err != nil {
		return err
	}
	rows, err := tx.Query(ctx, nextPartsSQL, id, after, room)
	if err != nil {
		return err
	}
	numbers, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil || len(numbers) < room {
		return err // fewer: the parts are being dropped
	}

	parts := make([]river.JobArgs, len(numbers))
	for i, number := range numbers {
		parts[i] = PartArgs{ExportID: id, Generation: generation, Number: number, Requires: requires}
	}
	jobIDs, err := s.enqueue(ctx, tx, parts...)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, queuedSQL, id, numbers, jobIDs)
	return err
}

const gapsSQL = `
SELECT id FROM sluice.export WHERE state = 'running' AND parts_queued < least(parts_done + $1, parts_total)`

// fillGaps queues the parts of exports whose windows have room.
func (s *Store) fillGaps(ctx context.Context) error {
	rows, err := s.pool.Query(ctx, gapsSQL, s.config.Window)
	if err != nil {
		return fmt.Errorf("jobs: look for unqueued parts: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("jobs: look for unqueued parts: %w", err)
	}
	for _, id := range ids {
		err := s.transact(ctx, "queue parts", func(tx pgx.Tx) error { return s.fillWindow(ctx, tx, id) })
		if err != nil {
			return err
		}
	}
	return nil
}
