package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
)

const completeSQL = `
UPDATE sluice.export SET state = 'completed', finished_at = now(), expires_at = now() + $3, bytes_stored = bytes_stored + $4
WHERE id = $1 AND attempt = $2 AND state = 'running' AND parts_done = parts_total AND location = (` + currentLocationSQL + `)`

// Complete ends an export whose parts are all done and records the files that belong
// to no part. Files stay for the retention time. publish makes these files visible,
// sets their ETags and marks the export complete for readers of the bucket; it runs
// while nothing can change the export. ErrOver if the export was cancelled or taken
// by another process, or the location has moved, meanwhile.
func (s *Store) Complete(ctx context.Context, export Export, retention time.Duration, files []File, publish func(context.Context) error) error {
	return s.move(ctx, export.ID, "complete export", func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, completeSQL, export.ID, export.attempt, retention, storedBytes(files))
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return ErrOver
		}
		if err := awake(ctx, tx, publish); err != nil {
			return err
		}
		return addFiles(ctx, tx, export.ID, nil, files)
	})
}

// forgetRequestSQL keeps of a request only what the status of an export that has
// ended needs. The rest can be a megabyte, and can name patients.
const forgetRequestSQL = `members = NULL, request = jsonb_strip_nulls(jsonb_build_object(
    'types', request->'types', 'level', request->'level', 'group', request->'group',
    'separate_status', request->'separate_status'))`

const failSQL = `
UPDATE sluice.export SET state = 'failed', finished_at = now(), failure = $2, ` + forgetRequestSQL + `
WHERE id = $1 AND state IN ('accepted', 'running')
RETURNING job_id`

// Fail ends an export with the reason the client will read, and removes what it
// has stored. ErrOver if it has ended already, which then stays as it is.
func (s *Store) Fail(ctx context.Context, id uuid.UUID, reason string) error {
	return s.move(ctx, id, "fail export", func(tx pgx.Tx) error {
		return s.abandon(ctx, tx, id, ErrOver, failSQL, id, reason)
	})
}

const cancelSQL = `
UPDATE sluice.export SET state = 'cancelled', finished_at = now(), swept_at = NULL, ` + forgetRequestSQL + `
WHERE id = $1 AND client_id = $2 AND state <> 'cancelled'
RETURNING job_id`

// Cancel ends an export in whatever state it is and removes what it has stored.
// ErrNotFound if the client has no such export.
func (s *Store) Cancel(ctx context.Context, id uuid.UUID, clientID string) error {
	if _, err := s.GetFor(ctx, id, clientID); err != nil {
		return err // before anything of another's export is locked
	}
	return s.move(ctx, id, "cancel export", func(tx pgx.Tx) error {
		return s.abandon(ctx, tx, id, ErrNotFound, cancelSQL, id, clientID)
	})
}

// abandon drops the export's parts, ends it by the statement, stops its jobs
// wherever they run, wakes up who waits for it, and adds the job that removes
// its objects. If the statement finds nothing to end, the error is none.
func (s *Store) abandon(ctx context.Context, tx pgx.Tx, id uuid.UUID, none error, sql string, args ...any) error {
	if err := s.dropParts(ctx, tx, id); err != nil {
		return err
	}
	var jobID int64
	err := tx.QueryRow(ctx, sql, args...).Scan(&jobID)
	if errors.Is(err, pgx.ErrNoRows) {
		return none // and the parts are there again
	}
	if err != nil {
		return err
	}
	if err := s.cancelJobs(ctx, tx, []int64{jobID}); err != nil {
		return err
	}
	if _, err := s.enqueue(ctx, tx, CleanupArgs{ExportID: id}); err != nil {
		return err
	}
	return notify(ctx, tx, id)
}

const expireSQL = `
UPDATE sluice.export SET state = 'expired', swept_at = NULL, ` + forgetRequestSQL + `
WHERE state = 'completed' AND expires_at <= now() RETURNING id`

// Expire ends the completed exports whose time has come and removes their files.
func (s *Store) Expire(ctx context.Context) error {
	return s.transact(ctx, "expire exports", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, expireSQL)
		if err != nil {
			return err
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		if err != nil || len(ids) == 0 {
			return err
		}
		cleanups := make([]river.JobArgs, len(ids))
		for i, id := range ids {
			cleanups[i] = CleanupArgs{ExportID: id}
		}
		_, err = s.enqueue(ctx, tx, cleanups...)
		return err
	})
}
