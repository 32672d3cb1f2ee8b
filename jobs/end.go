package jobs

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
)

// reduceRequestSQL keeps only what the status of an ended export needs of its request.
// The rest can be a megabyte and can name patients.
const reduceRequestSQL = `members = NULL, request = jsonb_strip_nulls(jsonb_build_object(
    'types', request->'types', 'level', request->'level', 'group', request->'group',
    'separate_status', request->'separate_status'))`

const failSQL = `
UPDATE sluice.export SET state = 'failed', finished_at = now(), failure = $2, ` + reduceRequestSQL + `
WHERE id = $1 AND state IN ('accepted', 'running')
RETURNING job_id`

// Fail ends an export with a reason for the client and deletes its objects. It returns
// ErrStale, with nothing changed, if the export has ended already.
func (s *Store) Fail(ctx context.Context, id uuid.UUID, reason string) error {
	return s.change(ctx, id, "fail export", func(tx pgx.Tx) error {
		return s.abandon(ctx, tx, id, ErrStale, failSQL, id, reason)
	})
}

const cancelSQL = `
UPDATE sluice.export SET state = 'cancelled', finished_at = now(), swept_at = NULL, ` + reduceRequestSQL + `
WHERE id = $1 AND client_id = $2 AND state <> 'cancelled'
RETURNING job_id`

// Cancel ends an export in any state and deletes its objects. It returns ErrNotFound if
// the client has no such export.
func (s *Store) Cancel(ctx context.Context, id uuid.UUID, clientID string) error {
	if _, err := s.GetForClient(ctx, id, clientID); err != nil {
		return err // before another client's export is locked
	}
	return s.change(ctx, id, "cancel export", func(tx pgx.Tx) error {
		return s.abandon(ctx, tx, id, ErrNotFound, cancelSQL, id, clientID)
	})
}

// abandon drops the export's parts, ends it by the statement, cancels its jobs wherever
// they run, notifies its holder, and queues the job that deletes its objects. If the
// statement finds nothing to end, it returns notFound.
func (s *Store) abandon(ctx context.Context, tx pgx.Tx, id uuid.UUID, notFound error, sql string, args ...any) error {
	if err := s.dropParts(ctx, tx, id); err != nil {
		return err
	}
	var jobID int64
	err := tx.QueryRow(ctx, sql, args...).Scan(&jobID)
	if errors.Is(err, pgx.ErrNoRows) {
		return notFound // which rolls back the deletion of the parts
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
UPDATE sluice.export SET state = 'expired', swept_at = NULL, ` + reduceRequestSQL + `
WHERE state = 'completed' AND expires_at <= now() RETURNING id`

// Expire ends the completed exports whose retention time is over and deletes their
// objects.
func (s *Store) Expire(ctx context.Context) error {
	return s.inTx(ctx, "expire exports", func(tx pgx.Tx) error {
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

const (
	// unfinishedIDsSQL lists the exports of a client that have not ended, storedIDsSQL
	// also those that have files.
	unfinishedIDsSQL = `SELECT id FROM sluice.export WHERE client_id = $1 AND state IN ('accepted', 'running') ORDER BY id`
	storedIDsSQL     = `SELECT id FROM sluice.export WHERE client_id = $1 AND state IN ('accepted', 'running', 'completed') ORDER BY id`

	// expiredClientsSQL lists the expired clients that have unfinished exports.
	expiredClientsSQL = `
SELECT DISTINCT c.id FROM sluice.client c JOIN sluice.export e ON e.client_id = c.id
WHERE e.state IN ('accepted', 'running') AND c.expires_at <= now()`
)

// CancelUnfinished cancels the accepted and running exports of a client and returns
// their number.
func (s *Store) CancelUnfinished(ctx context.Context, clientID string) (count int, err error) {
	return s.cancelListed(ctx, clientID, unfinishedIDsSQL)
}

// CancelAll is CancelUnfinished for completed exports, too: it deletes the files that
// signed links lead to.
func (s *Store) CancelAll(ctx context.Context, clientID string) (count int, err error) {
	return s.cancelListed(ctx, clientID, storedIDsSQL)
}

func (s *Store) cancelListed(ctx context.Context, clientID, sql string) (count int, err error) {
	rows, err := s.pool.Query(ctx, sql, clientID)
	if err != nil {
		return 0, fmt.Errorf("jobs: list the client's exports: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return 0, fmt.Errorf("jobs: list the client's exports: %w", err)
	}
	for _, id := range ids {
		switch err := s.Cancel(ctx, id, clientID); {
		case err == nil:
			count++
		case !errors.Is(err, ErrNotFound): // cancelled or deleted meanwhile
			return count, err
		}
	}
	return count, nil
}

// CancelExpired cancels the accepted and running exports of expired clients and returns
// their number.
func (s *Store) CancelExpired(ctx context.Context) (count int, err error) {
	rows, err := s.pool.Query(ctx, expiredClientsSQL)
	if err != nil {
		return 0, fmt.Errorf("jobs: list expired clients: %w", err)
	}
	clients, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return 0, fmt.Errorf("jobs: list expired clients: %w", err)
	}
	for _, client := range clients {
		cancelled, err := s.CancelUnfinished(ctx, client)
		count += cancelled
		if err != nil {
			return count, err
		}
	}
	return count, nil
}
