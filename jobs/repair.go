package jobs

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// maxRepairs is the number of repairs of an export before it fails. A store that
// damages files so often does not keep them.
const maxRepairs = 3

const (
	repairsSQL = `SELECT repairs FROM sluice.export WHERE id = $1 AND attempt = $2 AND state = 'running'`

	// resetPartsSQL deletes the files of the parts, except those that the client has
	// been shown, which keep their page.
	resetPartsSQL = `
WITH damaged AS (
    SELECT DISTINCT part_number FROM sluice.file WHERE export_id = $1 AND object_key = ANY($2)
), reset AS (
    UPDATE sluice.part p SET state = 'waiting', job_id = NULL, lease_until = NULL, snapshot = NULL, bytes_read = 0
    FROM damaged WHERE p.export_id = $1 AND p.number = damaged.part_number AND p.state = 'done'
    RETURNING p.number, p.bytes_planned
), removed AS (
    DELETE FROM sluice.file f USING reset WHERE f.export_id = $1 AND f.part_number = reset.number AND f.page IS NULL
), former AS (
    SELECT count(*) AS files, coalesce(sum(stored_bytes), 0) AS bytes
    FROM sluice.file WHERE export_id = $1 AND part_number IN (SELECT part_number FROM damaged)
), sums AS (
    SELECT count(*) AS parts, coalesce(sum(bytes_planned), 0) AS bytes, coalesce(min(number) - 1, 0) AS before FROM reset
)
UPDATE sluice.export e
SET repairs = e.repairs + 1, parts_done = e.parts_done - sums.parts, parts_queued = e.parts_queued - sums.parts,
    requeue_after = sums.before, bytes_done = e.bytes_done - sums.bytes,
    bytes_stored = e.bytes_stored - former.bytes, files_stored = e.files_stored - former.files
FROM sums, former WHERE e.id = $1`
)

// Repair resets the parts whose files have these object keys, so that they are read
// again, and queues the first of them. All parts of the export must be done. It returns
// ErrStale if the export has ended or was taken over, and ErrDamaged, with nothing
// changed, if the export was repaired too often.
func (s *Store) Repair(ctx context.Context, export Export, objectKeys []string) error {
	return s.change(ctx, export.ID, "repair export", func(ctx context.Context, tx pgx.Tx) error {
		var repairs int
		err := tx.QueryRow(ctx, repairsSQL, export.ID, export.attempt).Scan(&repairs)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return ErrStale
		case err != nil:
			return err
		case repairs >= maxRepairs:
			return ErrDamaged
		}
		if _, err := tx.Exec(ctx, resetPartsSQL, export.ID, objectKeys); err != nil {
			return err
		}
		return s.fillWindow(ctx, tx, export.ID)
	})
}

const setETagSQL = `UPDATE sluice.file SET etag = $3 WHERE export_id = $1 AND object_key = $2`

// SetETag records the ETag that the store lists for a file.
func (s *Store) SetETag(ctx context.Context, export Export, file File, etag string) error {
	if _, err := s.pool.Exec(ctx, setETagSQL, export.ID, file.ObjectKey, etag); err != nil {
		return fmt.Errorf("jobs: set ETag: %w", err)
	}
	return nil
}
