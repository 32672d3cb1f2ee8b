package jobs

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const fileSQL = fileColumns + `
JOIN sluice.export e ON e.id = f.export_id
WHERE f.export_id = $1 AND f.object_key = $2 AND (e.state = 'completed' OR e.state = 'running' AND f.page IS NOT NULL)`

// File returns the file that lies under the key, of a completed export or shown
// by Page, or ErrNotFound.
func (s *Store) File(ctx context.Context, id uuid.UUID, key string) (File, error) {
	rows, err := s.pool.Query(ctx, fileSQL, id, key)
	if err != nil {
		return File{}, fmt.Errorf("jobs: get file: %w", err)
	}
	file, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[File])
	if errors.Is(err, pgx.ErrNoRows) {
		return s.findWarningsFile(ctx, id, key)
	}
	if err != nil {
		return File{}, fmt.Errorf("jobs: get file: %w", err)
	}
	return file, nil
}

// findWarningsFile returns the file that no part has written, if that is the one.
func (s *Store) findWarningsFile(ctx context.Context, id uuid.UUID, key string) (File, error) {
	export, err := s.Get(ctx, id)
	if err != nil {
		return File{}, err
	}
	files, err := s.warningsFile(ctx, id)
	if err != nil {
		return File{}, fmt.Errorf("jobs: get file: %w", err)
	}
	if export.State != Completed || len(files) == 0 || files[0].ObjectKey != key {
		return File{}, ErrNotFound
	}
	return files[0], nil
}
