package jobs

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	dropCleanedPartsSQL = `
DELETE FROM sluice.part p USING sluice.export e
WHERE p.export_id = $1 AND e.id = p.export_id AND e.state IN ('failed', 'cancelled', 'expired')`

	dropCleanedFilesSQL = `
DELETE FROM sluice.file f USING sluice.export e
WHERE f.export_id = $1 AND e.id = f.export_id AND e.state IN ('failed', 'cancelled', 'expired')`

	cleanedSQL = `
UPDATE sluice.export SET cleaned_at = now(), bytes_stored = 0
WHERE id = $1 AND state IN ('failed', 'cancelled', 'expired') AND cleaned_at IS NULL`
)

// Cleaned records that the objects of an export that has ended were removed, and
// deletes what is known of them.
func (s *Store) Cleaned(ctx context.Context, id uuid.UUID) error {
	return s.move(ctx, id, "record cleanup", func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, dropCleanedPartsSQL, id); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, dropCleanedFilesSQL, id); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, cleanedSQL, id)
		return err
	})
}
