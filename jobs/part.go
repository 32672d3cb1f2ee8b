package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
)

// PartKind says what a part is of.
type PartKind string

// The kinds of parts.
const (
	// Resources is a share of a resource type's table.
	Resources PartKind = "resources"

	// Deletions is what was deleted from it.
	Deletions PartKind = "deletions"

	// Blocks is a share of the patients, with what belongs to each.
	Blocks PartKind = "blocks"
)

// Part is a part of an export, held by one attempt to do it.
type Part struct {
	args    PartArgs
	attempt int

	Request Request

	// TransactionTime is the export's.
	TransactionTime time.Time

	// Members are the plan's.
	Members []string

	// Snapshots are the names of the export's snapshot, the holder's first, then
	// those of other running parts.
	Snapshots []string

	// ExportWaits reports whether the export waited (Store.Wait) when the part was
	// taken.
	ExportWaits bool

	Kind         PartKind
	ResourceType string
	Scan         json.RawMessage

	// ObjectKey is that of its first file.
	ObjectKey string
}

const holdPartSQL = `
UPDATE sluice.part p
SET state = 'running', attempt = p.attempt + 1, snapshot = NULL, lease_until = now() + $4
FROM sluice.export e
WHERE p.export_id = $1 AND p.generation = $2 AND p.number = $3 AND p.state <> 'done'
  AND e.id = p.export_id AND e.state = 'running' AND e.location = $5
RETURNING p.attempt, e.waiting_since IS NOT NULL, e.request, e.transaction_time, e.members,
  array_remove(e.snapshot || ARRAY(
    SELECT o.snapshot FROM sluice.part o
    WHERE o.export_id = e.id AND o.number <> p.number AND o.state = 'running'), NULL),
  p.kind, p.resource_type, p.scan, p.object_key`

// Hold takes the part for this attempt; from now on, former ones change
// nothing. RenewPart keeps it. ErrOver if the part is done, its export no longer
// wants it, or the export was begun at another location. ErrNewer if a newer process
// has to do it.
func (s *Store) Hold(ctx context.Context, args PartArgs) (Part, error) {
	part := Part{args: args}
	err := s.pool.QueryRow(ctx, holdPartSQL, args.ExportID, args.Generation, args.Number, LeaseTime, s.config.Location).
		Scan(&part.attempt, &part.ExportWaits, &part.Request, &part.TransactionTime, &part.Members, &part.Snapshots, &part.Kind, &part.ResourceType, &part.Scan, &part.ObjectKey)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrOver
	}
	if err == nil {
		err = part.Request.checkKnown()
	}
	if err != nil {
		return Part{}, fmt.Errorf("jobs: hold part: %w", err)
	}
	return part, nil
}

const renewPartSQL = `
UPDATE sluice.part SET bytes_read = greatest(bytes_read, $5), lease_until = now() + $6
WHERE export_id = $1 AND generation = $2 AND number = $3 AND attempt = $4 AND state = 'running'`

// RenewPart says that the part is still worked on, and how many bytes of it
// have been read. It is to be called every few seconds. ErrOver if this attempt
// no longer holds the part.
func (s *Store) RenewPart(ctx context.Context, part Part, bytesRead int64) error {
	args := part.args
	return s.renew(ctx, renewPartSQL, args.ExportID, args.Generation, args.Number, part.attempt, bytesRead, LeaseTime)
}

const sharePartSQL = `
UPDATE sluice.part SET snapshot = $5
WHERE export_id = $1 AND generation = $2 AND number = $3 AND attempt = $4 AND state = 'running'`

// SharePart says that the part has exported the snapshot under this name and
// keeps it while it runs. ErrOver if this attempt no longer holds the part.
func (s *Store) SharePart(ctx context.Context, part Part, snapshotID string) error {
	args := part.args
	return s.renew(ctx, sharePartSQL, args.ExportID, args.Generation, args.Number, part.attempt, snapshotID)
}

// ExportID is that of the export the part belongs to.
func (part Part) ExportID() uuid.UUID { return part.args.ExportID }

// Attempt counts how often the part was taken, by whomever.
func (part Part) Attempt() int { return part.attempt }

const (
	partDoneSQL = `
UPDATE sluice.part SET state = 'done', bytes_read = bytes_planned
WHERE export_id = $1 AND generation = $2 AND number = $3 AND attempt = $4 AND state = 'running'
RETURNING bytes_planned`

	countPartSQL = `
UPDATE sluice.export SET parts_done = parts_done + 1, bytes_done = bytes_done + $2, bytes_stored = bytes_stored + $3
WHERE id = $1
RETURNING parts_done = parts_total`
)

// Done ends the part, records its files, counts it in its export, completes its
// job and queues the export's next part, all at once. publish makes the files
// visible and sets their ETags. It runs when it is certain that this attempt still holds the
// part, and while it runs nobody can take the part or end the export. ErrOver,
// with nothing changed and publish not run, if this attempt no longer holds the
// part.
func (s *Store) Done(ctx context.Context, job *river.Job[PartArgs], part Part, files []File, publish func(context.Context) error) error {
	return s.transact(ctx, "finish part", func(tx pgx.Tx) error {
		bytes, err := part.finish(ctx, tx)
		if err != nil {
			return err
		}
		completed, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job)
		if err != nil {
			return err
		}
		if completed.State != rivertype.JobStateCompleted {
			return ErrOver // rescued: River answers with the job as another attempt left it
		}
		if err := awake(ctx, tx, publish); err != nil {
			return err
		}
		if err := addFiles(ctx, tx, part.args.ExportID, &part.args.Number, files); err != nil {
			return err
		}
		// Last, since all parts of the export meet at this row.
		if err := part.count(ctx, tx, bytes, files); err != nil {
			return err
		}
		return s.fillWindow(ctx, tx, part.args.ExportID)
	})
}

// finish marks the part done and returns its planned bytes. Whoever wants to
// drop it now waits.
func (part Part) finish(ctx context.Context, tx pgx.Tx) (bytes int64, err error) {
	args := part.args
	err = tx.QueryRow(ctx, partDoneSQL, args.ExportID, args.Generation, args.Number, part.attempt).Scan(&bytes)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrOver
	}
	return bytes, err
}

// count adds the part to its export, and wakes up who waits for the last.
func (part Part) count(ctx context.Context, tx pgx.Tx, bytes int64, files []File) error {
	var last bool
	if err := tx.QueryRow(ctx, countPartSQL, part.args.ExportID, bytes, storedBytes(files)).Scan(&last); err != nil || !last {
		return err
	}
	return notify(ctx, tx, part.args.ExportID)
}
