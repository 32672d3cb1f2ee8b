package jobs

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/seed-90096f4d/sluice/telemetry/span"
)

const (
	acceptSQL = `INSERT INTO sluice.export (id, client_id, request, job_id, traceparent) VALUES ($1, $2, $3, $4, nullif($5, ''))`

	// identicalSQL finds the client's latest export with that request that has not
	// ended.
	identicalSQL = `
SELECT id FROM sluice.export
WHERE client_id = $1 AND request = $2 AND state IN ('accepted', 'running') ORDER BY created_at DESC LIMIT 1`

	// acceptLockSQL serialises kick-offs, or two that count at the same time would
	// both find room for one.
	acceptLockSQL = `SELECT pg_advisory_xact_lock(hashtextextended('sluice.accept', 0))`
)

// Accept inserts an export and its job and returns the export's id, with
// Config.ReuseRunning possibly the id of an identical export. Nothing else happens before
// a worker takes the job. It returns a LimitError, with nothing inserted, if Config
// allows no further export now.
func (s *Store) Accept(ctx context.Context, clientID string, request Request) (uuid.UUID, error) {
	// Random, so that an id reveals nothing about others.
	id := uuid.New()
	event := Event{Kind: EventAccepted, ExportID: id, ClientID: clientID, Level: request.Level}
	traceparent := span.Traceparent(ctx)
	err := s.inTx(ctx, "accept export", func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, acceptLockSQL); err != nil {
			return err
		}
		if s.config.ReuseRunning {
			running, err := collect(ctx, tx, pgx.RowTo[uuid.UUID], identicalSQL, clientID, request)
			if err != nil {
				return err
			}
			if len(running) > 0 {
				id, event.Kind = running[0], ""
				return nil
			}
		}
		if err := s.checkLimits(ctx, tx, clientID); err != nil {
			return err
		}
		jobIDs, err := s.enqueue(ctx, tx, ExportArgs{ExportID: id, Requires: Format})
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, acceptSQL, id, clientID, request, jobIDs[0], traceparent)
		return err
	})
	if err == nil {
		span.SetExport(ctx, id)
		s.observe(ctx, event)
	}
	return id, err
}

// LimitError means that a limit allows no further export now.
type LimitError struct {
	// Text is the limit, such as "running exports: at most 10 per client".
	Text string

	// Stored reports whether it bounds what is stored, which the client can delete.
	Stored bool
}

func (e *LimitError) Error() string { return "too many " + e.Text }

// usageSQL counts the exports that are accepted or running, in total and of a client,
// and the client's exports that are stored or will be.
const usageSQL = `
SELECT running.total, running.own, stored.exports, stored.bytes
FROM (SELECT count(*) AS total, count(*) FILTER (WHERE client_id = $1) AS own
      FROM sluice.export WHERE state IN ('accepted', 'running')) AS running,
     (SELECT count(*) AS exports, coalesce(sum(bytes_stored), 0)::bigint AS bytes
      FROM sluice.export WHERE client_id = $1 AND objects_deleted_at IS NULL) AS stored`

// checkLimits returns a LimitError if the client may start no export now.
func (s *Store) checkLimits(ctx context.Context, tx pgx.Tx, clientID string) error {
	var total, own, stored int
	var bytes int64
	if err := tx.QueryRow(ctx, usageSQL, clientID).Scan(&total, &own, &stored, &bytes); err != nil {
		return err
	}
	switch limits := s.config; {
	case limits.MaxExportsPerClient > 0 && own >= limits.MaxExportsPerClient:
		return &LimitError{Text: fmt.Sprintf("running exports: at most %d per client", limits.MaxExportsPerClient)}
	case limits.MaxExports > 0 && total >= limits.MaxExports:
		return &LimitError{Text: fmt.Sprintf("running exports: at most %d in total", limits.MaxExports)}
	case limits.MaxStoredExportsPerClient > 0 && stored >= limits.MaxStoredExportsPerClient:
		return &LimitError{Text: fmt.Sprintf("stored exports: at most %d per client", limits.MaxStoredExportsPerClient), Stored: true}
	case limits.MaxStoredBytesPerClient > 0 && bytes >= limits.MaxStoredBytesPerClient:
		return &LimitError{Text: fmt.Sprintf("stored bytes: at most %d per client", limits.MaxStoredBytesPerClient), Stored: true}
	}
	return nil
}
