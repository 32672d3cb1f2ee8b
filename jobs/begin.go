package jobs

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/seed-90096f4d/sluice/telemetry/span"
)

const (
	// beginSQL starts a new generation unless the current one was never planned. It
	// does not count as progress: in an outage it is repeated.
	beginSQL = `
UPDATE sluice.export
SET state = 'running', attempt = attempt + 1, lease_until = now() + $2, location_version = $3, holder_traceparent = nullif($4, ''),
    generation = generation + (generation = 0 OR transaction_time IS NOT NULL)::integer,
    started_at = coalesce(started_at, now()), snapshot_at = now(), planned_at = NULL, progress_at = coalesce(progress_at, now()),
    snapshot = NULL, transaction_time = NULL, members = NULL, warnings = NULL,
    parts_total = 0, parts_queued = 0, requeue_after = NULL, parts_done = 0, bytes_planned = 0, bytes_done = 0, bytes_stored = 0, files_stored = 0
WHERE id = $1`

	dropPartsSQL = `
WITH dropped AS (DELETE FROM sluice.part WHERE export_id = $1 RETURNING job_id)
SELECT job_id FROM dropped WHERE job_id IS NOT NULL`
)

// Begin takes an accepted export, or one that has lost its snapshot, and starts a new
// generation without the parts of the previous one. A generation that was never
// planned, as in an outage of the source, is used again. An export whose parts are all
// done is taken as it is, because it only has to be completed, unless the location has
// changed since. The caller keeps the export by Renew.
//
// It returns ErrStale if the export has ended, ErrFilesShown if its parts must not be
// dropped, and ErrLocationMoved or ErrNewer if another process has to do it.
func (s *Store) Begin(ctx context.Context, id uuid.UUID) (Export, error) {
	return s.begin(ctx, id, SnapshotLost)
}

// Restart is Begin for an export whose snapshot cannot be used any more for another
// reason than that it was lost.
func (s *Store) Restart(ctx context.Context, id uuid.UUID, reason RestartReason) (Export, error) {
	return s.begin(ctx, id, reason)
}

func (s *Store) begin(ctx context.Context, id uuid.UUID, reason RestartReason) (Export, error) {
	var export Export
	event, traceparent := Event{ExportID: id}, span.Traceparent(ctx)
	err := s.changeObserved(ctx, &event, "begin export", func(ctx context.Context, tx pgx.Tx) error {
		former, err := s.readForWork(ctx, tx, id)
		if err != nil {
			return err
		}
		if former.State != Accepted && former.State != Running {
			return ErrStale
		}
		sql := takeSQL
		if !former.AllPartsDone() || former.location != s.config.Location {
			sql = beginSQL
			if err := check(ctx, tx, ErrFilesShown, isUnshownSQL, id); err != nil {
				return err
			}
			if err := s.dropParts(ctx, tx, id); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, sql, id, LeaseTime, s.config.Location, traceparent); err != nil {
			return err
		}
		export, err = scanExport(tx.QueryRow(ctx, workSQL, id))
		event = beginEvent(former, export, reason)
		return err
	})
	return export, err
}

// beginEvent returns the event of an export that begins. It has no kind if the export begins
// for the first time, or again before it was planned.
func beginEvent(former, export Export, reason RestartReason) Event {
	event := export.event("")
	switch {
	case export.TransactionTime != nil:
		event.Kind = EventTakenOver
	case export.Generation > max(former.Generation, 1):
		event.Kind, event.Reason = EventRestarted, string(reason)
		if former.location != export.location {
			event.Reason = string(LocationChanged)
		}
	}
	return event
}

const (
	currentLocationSQL = `SELECT coalesce(max(version), 0) FROM sluice.location`

	isLocationSQL = `SELECT (` + currentLocationSQL + `) = $1`
)

// CheckLocation returns ErrLocationMoved if the recorded location is not the one of
// Config any more.
func (s *Store) CheckLocation(ctx context.Context) error {
	if err := check(ctx, s.pool, ErrLocationMoved, isLocationSQL, s.config.Location); err != nil {
		return fmt.Errorf("jobs: check location: %w", err)
	}
	return nil
}

// readForWork returns the export to a process that is about to work on it, or
// ErrLocationMoved or ErrNewer if that process must not.
func (s *Store) readForWork(ctx context.Context, tx pgx.Tx, id uuid.UUID) (Export, error) {
	if err := check(ctx, tx, ErrLocationMoved, isLocationSQL, s.config.Location); err != nil {
		return Export{}, err
	}
	export, err := scanExport(tx.QueryRow(ctx, exportSQL, id))
	if err != nil {
		return Export{}, err
	}
	return export, export.Request.unknown
}

// dropParts deletes all parts and cancels their jobs. A running attempt finds its part
// gone.
func (s *Store) dropParts(ctx context.Context, tx pgx.Tx, id uuid.UUID) error {
	jobIDs, err := collect(ctx, tx, pgx.RowTo[int64], dropPartsSQL, id)
	if err != nil {
		return err
	}
	return s.cancelJobs(ctx, tx, jobIDs)
}

// Plan is the work of an export under one snapshot.
type Plan struct {
	Snapshot        string
	TransactionTime time.Time

	// Members, if not nil, are the ids of the patients whose resources are exported,
	// where the request does not name them. They are stored for the parts, so they
	// should be few.
	Members []string

	Parts []PlannedPart

	// Warnings are what the export leaves out.
	Warnings []Warning
}

// PlannedPart describes a part to be inserted by Start. Its number is its position in
// the plan: parts are queued in this order.
type PlannedPart struct {
	// Kind defaults to Resources.
	Kind         PartKind
	ResourceType string

	// Scan is what to read, as a document of the worker.
	Scan json.RawMessage

	// ObjectKey is the key of the part's first file.
	ObjectKey string

	// Bytes is the approximate size on disk of what is read.
	Bytes int64
}

const planSQL = `
UPDATE sluice.export
SET snapshot = $3, transaction_time = $4, planned_at = now(), progress_at = now(), members = $5, parts_total = $6, bytes_planned = $7, required_format = $8, warnings = $9
WHERE id = $1 AND attempt = $2 AND state = 'running'
RETURNING now() - created_at`

// Start stores the plan and queues the parts of the first window; each part that is
// done queues the next. It returns ErrStale if the export has ended or was taken over
// meanwhile.
func (s *Store) Start(ctx context.Context, export Export, plan Plan) error {
	id := export.ID
	event := plan.started(export)
	return s.changeObserved(ctx, &event, "start parts", func(ctx context.Context, tx pgx.Tx) error {
		err := tx.QueryRow(ctx, planSQL, id, export.attempt, plan.Snapshot, plan.TransactionTime, plan.Members,
			event.Parts, event.Bytes, Format, plan.Warnings).Scan(&event.Age)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrStale
		}
		if err != nil {
			return err
		}
		if err := insertParts(ctx, tx, id, export.Generation, plan.Parts); err != nil {
			return err
		}
		return s.fillWindow(ctx, tx, id)
	})
}

// Bytes returns the approximate size on disk of what the parts read.
func (p Plan) Bytes() (sum int64) {
	for _, part := range p.Parts {
		sum += part.Bytes
	}
	return sum
}

// started returns the event of an export that starts with the plan.
func (p Plan) started(export Export) Event {
	event := export.event(EventStarted)
	event.TransactionTime, event.Parts, event.Bytes = &p.TransactionTime, len(p.Parts), p.Bytes()
	types := map[string]bool{}
	for _, part := range p.Parts {
		if part.ResourceType != "" {
			types[part.ResourceType] = true
		}
	}
	event.Types = len(types)
	return event
}

// insertPartsSQL is a statement, not a COPY: the server waits for the end of a COPY
// without any timeout, and the process may be paused in its middle.
const insertPartsSQL = `
INSERT INTO sluice.part (export_id, number, generation, kind, resource_type, scan, object_key, bytes_planned)
SELECT $1, $3 + p.number, $2, p.kind::sluice.part_kind, p.resource_type, p.scan, p.object_key, p.bytes
FROM unnest($4::text[], $5::text[], $6::jsonb[], $7::text[], $8::bigint[])
  WITH ORDINALITY AS p (kind, resource_type, scan, object_key, bytes, number)`

// partsPerInsert limits the parts of one statement.
const partsPerInsert = 1000

func insertParts(ctx context.Context, tx pgx.Tx, id uuid.UUID, generation int, parts []PlannedPart) error {
	inserted := 0
	for chunk := range slices.Chunk(parts, partsPerInsert) {
		var kinds, types, keys []string
		var scans []json.RawMessage
		var bytes []int64
		for _, p := range chunk {
			kinds = append(kinds, string(cmp.Or(p.Kind, Resources)))
			types = append(types, p.ResourceType)
			scans = append(scans, p.Scan)
			keys = append(keys, p.ObjectKey)
			bytes = append(bytes, p.Bytes)
		}
		if _, err := tx.Exec(ctx, insertPartsSQL, id, generation, inserted, kinds, types, scans, keys, bytes); err != nil {
			return err
		}
		inserted += len(chunk)
	}
	return nil
}
