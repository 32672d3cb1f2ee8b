package jobs

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	beginSQL = `
UPDATE sluice.export
SET state = 'running', attempt = attempt + 1, generation = generation + (generation = 0 OR transaction_time IS NOT NULL)::integer, snapshot = NULL, transaction_time = NULL, members = NULL, warnings = NULL,
    parts_total = 0, parts_queued = 0, requeue_after = NULL, parts_done = 0, bytes_planned = 0, bytes_done = 0, bytes_stored = 0, lease_until = now() + $2,
    location = $3
WHERE id = $1`

	dropPartsSQL = `
WITH dropped AS (DELETE FROM sluice.part WHERE export_id = $1 RETURNING job_id)
SELECT job_id FROM dropped WHERE job_id IS NOT NULL`
)

// Begin starts an export, or starts it again: a new generation, without the
// parts of the former one, whose snapshot is gone. A generation that was never
// planned is used again, as after an outage of the source. An export that has all
// its parts done stays as it is and only lacks its end, unless the location has
// moved since. Renew keeps the export from others. ErrStale if it has ended or was
// cancelled, ErrFilesShown if what was done must not be dropped, ErrLocationMoved or ErrNewer if
// another process has to do it.
func (s *Store) Begin(ctx context.Context, id uuid.UUID) (Export, error) {
	var export Export
	err := s.move(ctx, id, "begin export", func(tx pgx.Tx) (err error) {
		if export, err = s.readToWork(ctx, tx, id); err != nil {
			return err
		}
		if export.State != Accepted && export.State != Running {
			return ErrStale
		}
		sql := takeSQL
		if !export.AllPartsDone() || export.location != s.config.Location {
			sql = beginSQL
			if err := checkNotShown(ctx, tx, id); err != nil {
				return err
			}
			if err := s.dropParts(ctx, tx, id); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, sql, id, LeaseTime, s.config.Location); err != nil {
			return err
		}
		export, err = scanExport(tx.QueryRow(ctx, exportSQL, id))
		return err
	})
	return export, err
}

const currentLocationSQL = `SELECT coalesce(max(version), 0) FROM sluice.location`

// CheckLocation returns ErrLocationMoved if the recorded location is no longer that of
// Config.
func (s *Store) CheckLocation(ctx context.Context) error {
	var current int
	if err := s.pool.QueryRow(ctx, currentLocationSQL).Scan(&current); err != nil {
		return fmt.Errorf("jobs: check location: %w", err)
	}
	if current != s.config.Location {
		return ErrLocationMoved
	}
	return nil
}

// readToWork reads the export for a process that is about to work on it. ErrLocationMoved
// or ErrNewer if that process must not.
func (s *Store) readToWork(ctx context.Context, tx pgx.Tx, id uuid.UUID) (Export, error) {
	var current int
	if err := tx.QueryRow(ctx, currentLocationSQL).Scan(&current); err != nil {
		return Export{}, err
	}
	if current != s.config.Location {
		return Export{}, ErrLocationMoved
	}
	export, err := scanExport(tx.QueryRow(ctx, exportSQL, id))
	if err != nil {
		return Export{}, err
	}
	return export, export.Request.checkKnown()
}

// AllPartsDone tells whether the export was planned and every part of it is done.
func (e Export) AllPartsDone() bool { return e.TransactionTime != nil && e.PartsDone == e.PartsTotal }

// dropParts forgets all parts and cancels the jobs that would have done them.
// An attempt that is at one finds it gone.
func (s *Store) dropParts(ctx context.Context, tx pgx.Tx, id uuid.UUID) error {
	rows, err := tx.Query(ctx, dropPartsSQL, id)
	if err != nil {
		return err
	}
	jobIDs, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return err
	}
	return s.cancelJobs(ctx, tx, jobIDs)
}

// Plan is the work of an export under one snapshot.
type Plan struct {
	Snapshot        string
	TransactionTime time.Time

	// Members, if not nil, are the ids of the patients whose resources are wanted,
	// where the request does not name them. They are kept for the parts, so they
	// should be few.
	Members []string

	Parts []PlannedPart

	// Warnings say what the export leaves out.
	Warnings []Warning
}

// PlannedPart is one part to be. Its number is its place in the plan: parts are
// queued in this order.
type PlannedPart struct {
	// Kind defaults to Resources.
	Kind         PartKind
	ResourceType string

	// Scan says what to read, in the worker's own words.
	Scan json.RawMessage

	// ObjectKey is where the part's first file goes.
	ObjectKey string

	// Bytes is about the size on disk of what is to be read.
	Bytes int64
}

const planSQL = `
UPDATE sluice.export
SET snapshot = $3, transaction_time = $4, members = $5, parts_total = $6, bytes_planned = $7, requires = $8, warnings = $9
WHERE id = $1 AND attempt = $2 AND state = 'running'`

// Start writes down the plan and queues the first parts; whoever is done with
// one queues the next. ErrStale if the export was cancelled or taken by another
// process meanwhile.
func (s *Store) Start(ctx context.Context, export Export, plan Plan) error {
	id := export.ID
	var bytes int64
	for _, part := range plan.Parts {
		bytes += part.Bytes
	}
	return s.move(ctx, id, "start parts", func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, planSQL, id, export.attempt, plan.Snapshot, plan.TransactionTime, plan.Members, len(plan.Parts), bytes, Format, plan.Warnings)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return ErrStale
		}
		if err := insertParts(ctx, tx, id, export.Generation, plan.Parts); err != nil {
			return err
		}
		return s.fillWindow(ctx, tx, id)
	})
}

// insertPartsSQL is one statement, not a COPY: the server waits for the end of a
// COPY without regard to any timeout, and the process may be paused in its middle.
const insertPartsSQL = `
INSERT INTO sluice.part (export_id, number, generation, kind, resource_type, scan, object_key, bytes_planned)
SELECT $1, $3 + p.number, $2, p.kind::sluice.part_kind, p.resource_type, p.scan, p.object_key, p.bytes
FROM unnest($4::text[], $5::text[], $6::jsonb[], $7::text[], $8::bigint[])
  WITH ORDINALITY AS p (kind, resource_type, scan, object_key, bytes, number)`

// partsAtOnce bounds what one statement holds of a long plan.
const partsAtOnce = 1000

func insertParts(ctx context.Context, tx pgx.Tx, id uuid.UUID, generation int, parts []PlannedPart) error {
	inserted := 0
	for some := range slices.Chunk(parts, partsAtOnce) {
		var kinds, types, keys []string
		var scans []json.RawMessage
		var bytes []int64
		for _, p := range some {
			kinds = append(kinds, string(cmp.Or(p.Kind, Resources)))
			types = append(types, p.ResourceType)
			scans = append(scans, p.Scan)
			keys = append(keys, p.ObjectKey)
			bytes = append(bytes, p.Bytes)
		}
		if _, err := tx.Exec(ctx, insertPartsSQL, id, generation, inserted, kinds, types, scans, keys, bytes); err != nil {
			return err
		}
		inserted += len(some)
	}
	return nil
}
