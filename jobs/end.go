package jobs

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
)

// reduceRequestSQL keeps only what the status of an ended export needs of its request.
// The rest can be a megabyte and can name patients. Of views it keeps the names.
const reduceRequestSQL = `members = NULL, request = jsonb_strip_nulls(jsonb_build_object(
    'types', request->'types', 'level', request->'level', 'group', request->'group',
    'separate_status', request->'separate_status', 'tables', ` + tablesSQL + `))`

// formerSQL locks the export and returns the state that the statement ends. The
// statement returns endedColumns.
const (
	formerSQL = `WITH former AS (SELECT id, state FROM sluice.export WHERE id = $1 FOR NO KEY UPDATE) `

	endedColumns = `e.job_id, former.state, e.client_id, coalesce(e.request->>'level', ''), e.generation, now() - e.created_at`
)

const failSQL = formerSQL + `
UPDATE sluice.export e SET state = 'failed', finished_at = now(), failure = $2, ` + reduceRequestSQL + `
FROM former WHERE e.id = former.id AND e.state IN ('accepted', 'running') AND (e.waiting_since IS NOT NULL OR NOT $3)
RETURNING ` + endedColumns

// Fail ends an export with a reason for the client and deletes its objects. It returns
// ErrStale, with nothing changed, if the export has ended already.
func (s *Store) Fail(ctx context.Context, id uuid.UUID, reason string) error {
	return s.fail(ctx, id, reason, false)
}

// FailWaiting is Fail for an export that has waited too long. It returns ErrStale if the
// export no longer waits.
func (s *Store) FailWaiting(ctx context.Context, id uuid.UUID, reason string) error {
	return s.fail(ctx, id, reason, true)
}

func (s *Store) fail(ctx context.Context, id uuid.UUID, reason string, onlyWaiting bool) error {
	event := Event{Kind: EventFailed, ExportID: id, Reason: reason}
	return s.changeObserved(ctx, &event, "fail export", func(ctx context.Context, tx pgx.Tx) error {
		return s.abandon(ctx, tx, &event, ErrStale, failSQL, id, reason, onlyWaiting)
	})
}

const cancelSQL = formerSQL + `
UPDATE sluice.export e SET state = 'cancelled', finished_at = now(), swept_at = NULL, ` + reduceRequestSQL + `
FROM former WHERE e.id = former.id AND e.state <> 'cancelled'
RETURNING ` + endedColumns

// Cancel ends an export in any state and deletes its objects. It returns ErrNotFound if
// the client has no such export.
func (s *Store) Cancel(ctx context.Context, id uuid.UUID, clientID string) error {
	if _, err := s.GetForClient(ctx, id, clientID); err != nil {
		return err // before another client's export is locked
	}
	return s.cancelAs(ctx, id, ByClient)
}

// cancelAs is Cancel for the export of any client. It returns ErrNotFound if there is no
// such export or it was cancelled already.
func (s *Store) cancelAs(ctx context.Context, id uuid.UUID, by Actor) error {
	event := Event{Kind: EventCancelled, ExportID: id, Reason: string(by)}
	return s.changeObserved(ctx, &event, "cancel export", func(ctx context.Context, tx pgx.Tx) error {
		return s.abandon(ctx, tx, &event, ErrNotFound, cancelSQL, id)
	})
}

// abandon drops the export's parts, ends it by the statement, cancels its jobs wherever
// they run, notifies its holder, and queues the job that deletes its objects. It
// completes the event. If the statement finds nothing to end, it returns notFound.
func (s *Store) abandon(ctx context.Context, tx pgx.Tx, event *Event, notFound error, sql string, args ...any) error {
	id := event.ExportID
	if err := s.dropParts(ctx, tx, id); err != nil {
		return err
	}
	var jobID int64
	var former State
	err := tx.QueryRow(ctx, sql, args...).Scan(&jobID, &former, &event.ClientID, &event.Level, &event.Generation, &event.Age)
	if errors.Is(err, pgx.ErrNoRows) {
		return notFound // which rolls back the deletion of the parts
	}
	if err != nil {
		return err
	}
	if former != Accepted && former != Running {
		event.Kind = EventDeleted
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
UPDATE sluice.export e SET state = 'expired', swept_at = NULL, ` + reduceRequestSQL + `
WHERE state = 'completed' AND expires_at <= now()
RETURNING id, client_id, coalesce(request->>'level', ''), generation, now() - created_at`

// Expire ends the completed exports whose retention time is over and deletes their
// objects.
func (s *Store) Expire(ctx context.Context) error {
	var events []Event
	err := s.inTx(ctx, "expire exports", func(ctx context.Context, tx pgx.Tx) (err error) {
		events, err = collect(ctx, tx, scanExpired, expireSQL)
		if err != nil || len(events) == 0 {
			return err
		}
		cleanups := make([]river.JobArgs, len(events))
		for i, event := range events {
			cleanups[i] = CleanupArgs{ExportID: event.ExportID}
		}
		_, err = s.enqueue(ctx, tx, cleanups...)
		return err
	})
	if err != nil {
		return err
	}
	for _, event := range events {
		s.observe(ctx, event)
	}
	return nil
}

func scanExpired(row pgx.CollectableRow) (Event, error) {
	event := Event{Kind: EventExpired}
	err := row.Scan(&event.ExportID, &event.ClientID, &event.Level, &event.Generation, &event.Age)
	return event, err
}

const (
	// unfinishedIDsSQL lists the exports of a client that have not ended, storedIDsSQL
	// also those that have files.
	unfinishedIDsSQL = `SELECT id FROM sluice.export WHERE client_id = $1 AND state IN ('accepted', 'running') ORDER BY id`
	storedIDsSQL     = `SELECT id FROM sluice.export WHERE client_id = $1 AND state IN ('accepted', 'running', 'completed') ORDER BY id`

	// ofExpiredSQL lists the unfinished exports of expired clients.
	ofExpiredSQL = `
SELECT e.id FROM sluice.export e JOIN sluice.client c ON c.id = e.client_id
WHERE e.state IN ('accepted', 'running') AND c.expires_at <= now() ORDER BY e.id`
)

// CancelUnfinished cancels the accepted and running exports of a client that has
// expired, and returns their number.
func (s *Store) CancelUnfinished(ctx context.Context, clientID string) (count int, err error) {
	return s.cancelListed(ctx, ClientExpired, unfinishedIDsSQL, clientID)
}

// CancelAll cancels the exports of a client that is revoked or removed, also the
// completed ones: it deletes the files that signed links lead to. It returns their number.
func (s *Store) CancelAll(ctx context.Context, clientID string) (count int, err error) {
	return s.cancelListed(ctx, ClientRemoved, storedIDsSQL, clientID)
}

// CancelExpired cancels the accepted and running exports of expired clients and returns
// their number.
func (s *Store) CancelExpired(ctx context.Context) (count int, err error) {
	return s.cancelListed(ctx, ClientExpired, ofExpiredSQL)
}

func (s *Store) cancelListed(ctx context.Context, by Actor, sql string, args ...any) (count int, err error) {
	ids, err := list(ctx, s, "list exports to cancel", pgx.RowTo[uuid.UUID], sql, args...)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		switch err := s.cancelAs(ctx, id, by); {
		case err == nil:
			count++
		case !errors.Is(err, ErrNotFound): // cancelled or deleted meanwhile
			return count, err
		}
	}
	return count, nil
}
