package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// PartKind is what a part reads.
type PartKind string

// The kinds of parts.
const (
	// Resources reads page ranges of a resource type's table.
	Resources PartKind = "resources"

	// Deletions reads what was deleted from the table.
	Deletions PartKind = "deletions"

	// Views reads page ranges of a resource type's table for views, in an export of
	// tables.
	Views PartKind = "views"

	// PatientBlocks reads the blocks of some patients, of an export organized by
	// patient.
	PatientBlocks PartKind = "patient_blocks"
)

// Part is a part of an export, held by one attempt to read it.
type Part struct {
	args PartArgs

	// Attempt counts how often the part was taken, by any process.
	Attempt int

	Request Request

	// TransactionTime is the export's.
	TransactionTime time.Time

	// Members are the plan's.
	Members []string

	// Snapshots are the names of the export's snapshot: the holder's first, then
	// the names of other running parts.
	Snapshots []string

	// Traceparent is the span of the process that holds the export, as span.Link takes
	// it, if that process traces.
	Traceparent string

	// ExportWaits reports whether the export was waiting (Store.RecordWait) when the
	// part was taken.
	ExportWaits bool

	Kind         PartKind
	ResourceType string
	Scan         json.RawMessage

	// ObjectKey is the key of its first file.
	ObjectKey string
}

// ExportID returns the id of the part's export.
func (part Part) ExportID() uuid.UUID { return part.args.ExportID }

// takePartSQL is no progress: a part without a snapshot is taken again and again.
const takePartSQL = `
UPDATE sluice.part p
SET state = 'running', attempt = p.attempt + 1, snapshot = NULL, lease_until = now() + $4,
  progress_at = coalesce(p.progress_at, e.progress_at, now())
FROM sluice.export e
WHERE p.export_id = $1 AND p.generation = $2 AND p.number = $3 AND p.state <> 'done'
  AND e.id = p.export_id AND e.state = 'running' AND e.location_version = $5
RETURNING p.attempt, e.waiting_since IS NOT NULL, e.request, e.transaction_time, e.members,
  array_remove(e.snapshot || ARRAY(
    SELECT o.snapshot FROM sluice.part o
    WHERE o.export_id = e.id AND o.number <> p.number AND o.state = 'running'), NULL),
  p.kind, p.resource_type, p.scan, p.object_key, coalesce(e.holder_traceparent, '')`

// TakePart takes the part for this attempt; from then on, earlier attempts cannot
// change it. The caller keeps it by RenewPart. It returns ErrStale if the part is done
// or no longer belongs to the export's current generation or location, and ErrNewer if
// a newer process has to read it.
func (s *Store) TakePart(ctx context.Context, args PartArgs) (Part, error) {
	part := Part{args: args}
	err := s.pool.QueryRow(ctx, takePartSQL, args.ExportID, args.Generation, args.Number, LeaseTime, s.config.Location).
		Scan(&part.Attempt, &part.ExportWaits, &part.Request, &part.TransactionTime, &part.Members, &part.Snapshots, &part.Kind, &part.ResourceType, &part.Scan, &part.ObjectKey, &part.Traceparent)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrStale
	}
	if err == nil {
		err = part.Request.unknown
	}
	if err != nil {
		return Part{}, fmt.Errorf("jobs: take part: %w", err)
	}
	return part, nil
}

const renewPartSQL = `
UPDATE sluice.part SET bytes_read = greatest(bytes_read, $5), lease_until = now() + $6,
  progress_at = CASE WHEN $7 THEN now() ELSE progress_at END
WHERE export_id = $1 AND generation = $2 AND number = $3 AND attempt = $4 AND state = 'running'`

// RenewPart renews the lease of the part and records how many bytes of it have been
// read and whether there was progress since the last call. Call it every few seconds. It
// returns ErrStale if this attempt no longer holds the part.
func (s *Store) RenewPart(ctx context.Context, part Part, bytesRead int64, progress bool) error {
	args := part.args
	return s.update(ctx, "renew lease of part", renewPartSQL, args.ExportID, args.Generation, args.Number, part.Attempt, bytesRead, LeaseTime, progress)
}

const setPartSnapshotSQL = `
UPDATE sluice.part SET snapshot = $5
WHERE export_id = $1 AND generation = $2 AND number = $3 AND attempt = $4 AND state = 'running'`

// SetPartSnapshot records the name under which the part has exported the snapshot
// again, which keeps the snapshot alive while the part runs. It returns ErrStale if
// this attempt no longer holds the part.
func (s *Store) SetPartSnapshot(ctx context.Context, part Part, name string) error {
	args := part.args
	return s.update(ctx, "set snapshot of part", setPartSnapshotSQL, args.ExportID, args.Generation, args.Number, part.Attempt, name)
}
