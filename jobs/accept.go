package jobs

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	acceptSQL = `INSERT INTO sluice.export (id, client_id, request, job_id) VALUES ($1, $2, $3, $4)`

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
	err := s.inTx(ctx, "accept export", func(tx pgx.Tx) error {
		if running, err := s.findIdentical(ctx, tx, clientID, request); err != nil || running != uuid.Nil {
			id = running
			return err
		}
		if err := s.checkLimits(ctx, tx, clientID); err != nil {
			return err
		}
		jobIDs, err := s.enqueue(ctx, tx, ExportArgs{ExportID: id, Requires: Format})
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, acceptSQL, id, clientID, request, jobIDs[0])
		return err
	})
	return id, err
}

// findIdentical returns the id of an export that the kick-off would only repeat. It
// returns uuid.Nil if none exists or Config.ReuseRunning is not set.
func (s *Store) findIdentical(ctx context.Context, tx pgx.Tx, clientID string, request Request) (uuid.UUID, error) {
	if !s.config.ReuseRunning {
		return uuid.Nil, nil
	}
	if _, err := tx.Exec(ctx, acceptLockSQL); err != nil {
		return uuid.Nil, err
	}
	var id uuid.UUID
	err := tx.QueryRow(ctx, identicalSQL, clientID, request).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return uuid.Nil, nil
	}
	return id, err
}

// LimitKind is what a limit bounds.
type LimitKind string

// The kinds of limits.
const (
	// RunningExports bounds the exports that are accepted or running.
	RunningExports LimitKind = ""

	// StoredExports bounds the exports that are stored or will be.
	StoredExports LimitKind = "stored exports"

	// StoredBytes bounds the bytes of stored files.
	StoredBytes LimitKind = "stored bytes"
)

// LimitError means that a limit allows no further export now.
type LimitError struct {
	Kind  LimitKind
	Limit int

	// Client reports whether the limit applies to the client, not to all clients.
	Client bool
}

func (e *LimitError) Error() string {
	switch {
	case e.Kind == StoredExports:
		return fmt.Sprintf("too many stored exports: at most %d per client", e.Limit)
	case e.Kind == StoredBytes:
		return fmt.Sprintf("too many stored bytes: at most %d per client", e.Limit)
	case e.Client:
		return fmt.Sprintf("too many running exports: at most %d per client", e.Limit)
	}
	return fmt.Sprintf("too many running exports: at most %d in total", e.Limit)
}

const (
	unfinishedSQL = `
SELECT count(*), count(*) FILTER (WHERE client_id = $1) FROM sluice.export WHERE state IN ('accepted', 'running')`

	storedSQL = `
SELECT count(*), coalesce(sum(bytes_stored), 0)::bigint FROM sluice.export WHERE client_id = $1 AND objects_deleted_at IS NULL`
)

// checkLimits returns a LimitError if the client may start no export now.
func (s *Store) checkLimits(ctx context.Context, tx pgx.Tx, clientID string) error {
	if s.config.MaxExportsPerClient == 0 && s.config.MaxExports == 0 && s.config.MaxStoredExportsPerClient == 0 && s.config.MaxStoredBytesPerClient == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, acceptLockSQL); err != nil {
		return err
	}
	if err := s.checkRunning(ctx, tx, clientID); err != nil {
		return err
	}
	return s.checkStored(ctx, tx, clientID)
}

func (s *Store) checkRunning(ctx context.Context, tx pgx.Tx, clientID string) error {
	perClient, total := s.config.MaxExportsPerClient, s.config.MaxExports
	var all, own int
	if err := tx.QueryRow(ctx, unfinishedSQL, clientID).Scan(&all, &own); err != nil {
		return err
	}
	switch {
	case perClient > 0 && own >= perClient:
		return &LimitError{Limit: perClient, Client: true}
	case total > 0 && all >= total:
		return &LimitError{Limit: total}
	}
	return nil
}

func (s *Store) checkStored(ctx context.Context, tx pgx.Tx, clientID string) error {
	maxExports, maxBytes := s.config.MaxStoredExportsPerClient, s.config.MaxStoredBytesPerClient
	var exports int
	var bytes int64
	if err := tx.QueryRow(ctx, storedSQL, clientID).Scan(&exports, &bytes); err != nil {
		return err
	}
	switch {
	case maxExports > 0 && exports >= maxExports:
		return &LimitError{Kind: StoredExports, Limit: maxExports, Client: true}
	case maxBytes > 0 && bytes >= maxBytes:
		return &LimitError{Kind: StoredBytes, Limit: int(maxBytes), Client: true}
	}
	return nil
}
