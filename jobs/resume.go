package jobs

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	takeSQL = `
UPDATE sluice.export SET attempt = attempt + 1, lease_until = now() + $2
WHERE id = $1 AND state = 'running' AND snapshot IS NOT NULL AND location = $3`

	// snapshotsSQL lists the names of the snapshot, the holder's first.
	snapshotsSQL = `
SELECT snapshot FROM sluice.export WHERE id = $1 AND attempt = $2 AND state = 'running' AND snapshot IS NOT NULL
UNION ALL
SELECT snapshot FROM sluice.part WHERE export_id = $1 AND generation = $3 AND state = 'running' AND snapshot IS NOT NULL`
)

// Resume takes an export that another process has begun and left, if there is
// a snapshot that may still be there. If the caller can hold it by one of its
// names (Snapshots), it says so by Adopt and goes on. If not, or if the export
// was not taken, it has to Begin. ErrLocationMoved or ErrNewer if another process has to do
// it.
func (s *Store) Resume(ctx context.Context, id uuid.UUID) (export Export, taken bool, err error) {
	err = s.move(ctx, id, "resume export", func(tx pgx.Tx) error {
		if _, err := s.readToWork(ctx, tx, id); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, takeSQL, id, LeaseTime, s.config.Location)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		taken = true
		export, err = scanExport(tx.QueryRow(ctx, exportSQL, id))
		return err
	})
	return export, taken, err
}

// Snapshots lists the names under which the export's snapshot may be there now:
// the holder's, and those of the parts that are being read, which come and go.
func (s *Store) Snapshots(ctx context.Context, export Export) ([]string, error) {
	rows, err := s.pool.Query(ctx, snapshotsSQL, export.ID, export.attempt, export.Generation)
	if err != nil {
		return nil, fmt.Errorf("jobs: list snapshots: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("jobs: list snapshots: %w", err)
	}
	return names, nil
}

const adoptSQL = `
UPDATE sluice.export SET snapshot = $3 WHERE id = $1 AND attempt = $2 AND state = 'running'`

// SetSnapshot says that the caller holds the export's snapshot under this name.
// ErrStale if another process has taken the export meanwhile.
func (s *Store) SetSnapshot(ctx context.Context, export Export, snapshotID string) error {
	tag, err := s.pool.Exec(ctx, adoptSQL, export.ID, export.attempt, snapshotID)
	if err != nil {
		return fmt.Errorf("jobs: adopt snapshot: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return ErrStale
	}
	return nil
}

const holdsSQL = `SELECT EXISTS (SELECT FROM sluice.export WHERE id = $1 AND attempt = $2 AND state = 'running')`

// WhileHeld runs do while it is certain that the caller holds the export, and
// nobody can take, cancel or fail it. ErrStale, with do not run, if the caller
// no longer does.
func (s *Store) WhileHeld(ctx context.Context, export Export, do func(context.Context) error) error {
	return s.move(ctx, export.ID, "hold export", func(tx pgx.Tx) error {
		var holds bool
		if err := tx.QueryRow(ctx, holdsSQL, export.ID, export.attempt).Scan(&holds); err != nil {
			return err
		}
		if !holds {
			return ErrStale
		}
		return awake(ctx, tx, do)
	})
}

const reassignSQL = `
UPDATE sluice.export SET attempt = attempt + 1, lease_until = now()
WHERE id = $1 AND generation = $2 AND state = 'running'`

// Reassign takes the export of a part from the process that holds it, and lets any
// process take it. ErrStale if the export no longer wants the part.
func (s *Store) Reassign(ctx context.Context, part Part) error {
	id := part.args.ExportID
	return s.move(ctx, id, "reassign export", func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, reassignSQL, id, part.args.Generation)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return ErrStale
		}
		return notify(ctx, tx, id)
	})
}
