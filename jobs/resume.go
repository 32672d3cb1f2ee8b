package jobs

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/seed-90096f4d/sluice/telemetry/span"
)

const (
	takeSQL = `
UPDATE sluice.export SET attempt = attempt + 1, lease_until = now() + $2, holder_traceparent = nullif($4, '')
WHERE id = $1 AND state = 'running' AND snapshot IS NOT NULL AND location_version = $3`

	// snapshotsSQL lists the names of the snapshot, the holder's first.
	snapshotsSQL = `
SELECT snapshot FROM sluice.export WHERE id = $1 AND attempt = $2 AND state = 'running' AND snapshot IS NOT NULL
UNION ALL
SELECT snapshot FROM sluice.part WHERE export_id = $1 AND generation = $3 AND state = 'running' AND snapshot IS NOT NULL`
)

// Resume takes over a running export from a process that has died, if its snapshot may
// still exist. A caller that can import the snapshot by one of its names (Snapshots)
// becomes its holder (SetSnapshot) and continues the export. If it cannot, or if taken
// is false, it has to call Begin. ErrLocationMoved or ErrNewer if another process has
// to do it.
func (s *Store) Resume(ctx context.Context, id uuid.UUID) (export Export, taken bool, err error) {
	traceparent := span.Traceparent(ctx)
	err = s.change(ctx, id, "resume export", func(ctx context.Context, tx pgx.Tx) error {
		if _, err := s.readForWork(ctx, tx, id); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, takeSQL, id, LeaseTime, s.config.Location, traceparent)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		taken = true
		export, err = scanExport(tx.QueryRow(ctx, exportSQL, id))
		return err
	})
	return export, taken, err
}

// Snapshots returns the names under which the export's snapshot may exist now: the
// holder's, and the names of the running parts, which change.
func (s *Store) Snapshots(ctx context.Context, export Export) ([]string, error) {
	return list(ctx, s, "list snapshots", pgx.RowTo[string], snapshotsSQL, export.ID, export.attempt, export.Generation)
}

const setSnapshotSQL = `
UPDATE sluice.export SET snapshot = $3 WHERE id = $1 AND attempt = $2 AND state = 'running'`

// SetSnapshot records the name under which the caller holds the export's snapshot. It
// returns ErrStale if the export has ended or was taken over meanwhile.
func (s *Store) SetSnapshot(ctx context.Context, export Export, name string) error {
	err := s.update(ctx, "set snapshot", setSnapshotSQL, export.ID, export.attempt, name)
	if err == nil {
		s.observe(ctx, export.event(EventTakenOver))
	}
	return err
}

const isHeldSQL = `SELECT EXISTS (SELECT FROM sluice.export WHERE id = $1 AND attempt = $2 AND state = 'running')`

// WhileHeld runs do in a transaction (see holdOpen) in which the caller holds the
// export and no other process can take, cancel or fail it. It returns ErrStale, without
// running do, if the caller no longer holds the export.
func (s *Store) WhileHeld(ctx context.Context, export Export, do func(context.Context) error) error {
	return s.change(ctx, export.ID, "hold export", func(ctx context.Context, tx pgx.Tx) error {
		if err := check(ctx, tx, ErrStale, isHeldSQL, export.ID, export.attempt); err != nil {
			return err
		}
		return holdOpen(ctx, tx, do)
	})
}

const reassignSQL = `
UPDATE sluice.export SET attempt = attempt + 1, lease_until = now()
WHERE id = $1 AND generation = $2 AND state = 'running'`

// Reassign takes the export of a part from the process that holds it, so that any
// process may take it. It returns ErrStale if the part no longer belongs to the
// export's current generation.
func (s *Store) Reassign(ctx context.Context, part Part) error {
	id := part.args.ExportID
	return s.change(ctx, id, "reassign export", func(ctx context.Context, tx pgx.Tx) error {
		if err := changed(tx.Exec(ctx, reassignSQL, id, part.args.Generation)); err != nil {
			return err
		}
		return notify(ctx, tx, id)
	})
}
