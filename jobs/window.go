package jobs

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
)

const (
	// windowSQL locks the export and returns the number of parts for which the window
	// has room, and after which part to look for them.
	windowSQL = `
SELECT generation, coalesce(requeue_after, parts_queued), least(parts_done + $2, parts_total) - parts_queued, required_format
FROM sluice.export WHERE id = $1 AND state = 'running' FOR UPDATE`

	// nextPartsSQL locks the parts to queue. A part that another transaction has
	// locked is about to be dropped. Waiting for it would be a deadlock, since that
	// transaction locks the export next.
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

// fillWindow queues as many parts of the export as its window has room for. Because
// the in-flight parts of each export are few, concurrent exports progress in turn,
// however many parts one of them has, and the queue stays short.
//
// Each part that is done queues the next. A gap that a crash or a failed
// transaction has left is closed by the next part that is done, or by Reclaim.
func (s *Store) fillWindow(ctx context.Context, tx pgx.Tx, id uuid.UUID) error {
	var generation, after, room, format int
	err := tx.QueryRow(ctx, windowSQL, id, s.config.Window).Scan(&generation, &after, &room, &format)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && room <= 0 {
		return nil
	}
	if err != nil {
		return err
	}
	numbers, err := collect(ctx, tx, pgx.RowTo[int], nextPartsSQL, id, after, room)
	if err != nil || len(numbers) < room {
		return err // fewer if the parts are being dropped
	}

	parts := make([]river.JobArgs, len(numbers))
	for i, number := range numbers {
		parts[i] = PartArgs{ExportID: id, Generation: generation, Number: number, Requires: format}
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

// fillGaps fills the windows of all exports that have room for further parts.
func (s *Store) fillGaps(ctx context.Context) error {
	ids, err := list(ctx, s, "find exports with unqueued parts", pgx.RowTo[uuid.UUID], gapsSQL, s.config.Window)
	if err != nil {
		return err
	}
	for _, id := range ids {
		err := s.inTx(ctx, "queue parts", func(ctx context.Context, tx pgx.Tx) error { return s.fillWindow(ctx, tx, id) })
		if err != nil {
			return err
		}
	}
	return nil
}
