package jobs

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	// sweepDelay is the time between the end of an export and its sweep. By then every
	// process that had lost the export without knowing has noticed, or is dead.
	sweepDelay = time.Hour

	// sweepBatch limits the exports of one sweep.
	sweepBatch = 1000

	// deleteBatch limits the rows that DeleteOld deletes.
	deleteBatch = 1000

	// maxEnded is the number of ended exports of one client whose rows are kept.
	maxEnded = 10_000
)

const (
	deleteFilesSQL = `
DELETE FROM sluice.file f USING sluice.export e
WHERE f.export_id = $1 AND e.id = f.export_id AND e.state IN ('failed', 'cancelled', 'expired')`

	deletePartsSQL = `
DELETE FROM sluice.part p USING sluice.export e
WHERE p.export_id = $1 AND e.id = p.export_id AND e.state IN ('failed', 'cancelled', 'expired')`

	objectsDeletedSQL = `
UPDATE sluice.export SET objects_deleted_at = now(), bytes_stored = 0, files_stored = 0
WHERE id = $1 AND state IN ('failed', 'cancelled', 'expired') AND objects_deleted_at IS NULL`
)

// MarkObjectsDeleted records that the objects of an ended export were deleted, and
// deletes the rows of its files and parts.
func (s *Store) MarkObjectsDeleted(ctx context.Context, id uuid.UUID) error {
	return s.change(ctx, id, "record the deletion of objects", func(ctx context.Context, tx pgx.Tx) error {
		for _, sql := range []string{deleteFilesSQL, deletePartsSQL, objectsDeletedSQL} {
			if _, err := tx.Exec(ctx, sql, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// UnsweptExport is an export that has ended and may have left something in the bucket.
// Unless it is completed, nothing of it must stay there.
type UnsweptExport struct {
	ID    uuid.UUID
	State State
}

const unsweptSQL = `
SELECT id, state FROM sluice.export
WHERE swept_at IS NULL AND finished_at < now() - $1::interval
ORDER BY finished_at LIMIT $2`

// Unswept lists exports that ended at least an hour ago and were not swept since, up to
// a limit.
func (s *Store) Unswept(ctx context.Context) ([]UnsweptExport, error) {
	return list(ctx, s, "list exports to sweep", pgx.RowToStructByPos[UnsweptExport], unsweptSQL, sweepDelay, sweepBatch)
}

const markSweptSQL = `UPDATE sluice.export SET swept_at = now() WHERE id = $1 AND state = $2`

// MarkSwept records that the export has left nothing in the bucket. An export whose
// state has changed since Unswept is swept again.
func (s *Store) MarkSwept(ctx context.Context, export UnsweptExport) error {
	if export.State != Completed {
		if err := s.MarkObjectsDeleted(ctx, export.ID); err != nil {
			return err
		}
	}
	if _, err := s.pool.Exec(ctx, markSweptSQL, export.ID, export.State); err != nil {
		return fmt.Errorf("jobs: record sweep: %w", err)
	}
	return nil
}

// deleteOldSQL keeps exports that were not swept, because nothing else refers to their
// objects. To clients, a cancelled export is unknown anyway.
const deleteOldSQL = `
DELETE FROM sluice.export WHERE id IN (
    SELECT id FROM (
        SELECT id, state, finished_at, expires_at, row_number() OVER (PARTITION BY client_id ORDER BY finished_at DESC) AS number
        FROM sluice.export WHERE state IN ('failed', 'cancelled', 'expired') AND swept_at IS NOT NULL
    ) AS ended
    WHERE state = 'cancelled' OR number > $3 OR greatest(finished_at, expires_at) < now() - $1::interval
    LIMIT $2)`

// DeleteOld deletes the rows of swept exports that ended at least age ago or were
// cancelled, and of the oldest ones of a client with too many. Clients then get the
// status of unknown exports. It returns the number of rows; there may be more.
func (s *Store) DeleteOld(ctx context.Context, age time.Duration) (count int64, err error) {
	tag, err := s.pool.Exec(ctx, deleteOldSQL, age, deleteBatch, maxEnded)
	if err != nil {
		return 0, fmt.Errorf("jobs: delete old exports: %w", err)
	}
	return tag.RowsAffected(), nil
}

const existingSQL = `SELECT id FROM sluice.export WHERE id = ANY($1)`

// FilterExisting returns the ids for which there is an export in any state.
func (s *Store) FilterExisting(ctx context.Context, ids []uuid.UUID) ([]uuid.UUID, error) {
	return list(ctx, s, "find exports", pgx.RowTo[uuid.UUID], existingSQL, ids)
}
