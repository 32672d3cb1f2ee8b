package jobs

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// LimitKind says what a limit bounds.
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

// LimitError means that a limit allows no other export now.
type LimitError struct {
	Kind  LimitKind
	Limit int

	// Client reports whether the limit is that of the client, or of all.
	Client bool
}

func (e *LimitError) Error() string {
	switch {
	case e.Kind == StoredExports:
		return fmt.Sprintf("the client has %d stored exports, which is the maximum", e.Limit)
	case e.Kind == StoredBytes:
		return fmt.Sprintf("the files of the client's exports take %d bytes in the object store, which is the maximum, or more", e.Limit)
	case e.Client:
		return fmt.Sprintf("%d exports of the client are running already", e.Limit)
	}
	return fmt.Sprintf("%d exports are running already", e.Limit)
}

const (
	// acceptLockSQL makes kick-offs wait for each other, or two that count at
	// the same time would both find room for one.
	acceptLockSQL = `SELECT pg_advisory_xact_lock(hashtextextended('sluice.accept', 0))`

	unfinishedSQL = `
SELECT count(*), count(*) FILTER (WHERE client_id = $1) FROM sluice.export WHERE state IN ('accepted', 'running')`

	storedSQL = `SELECT count(*), coalesce(sum(bytes_stored), 0)::bigint FROM sluice.export WHERE client_id = $1 AND cleaned_at IS NULL`
)

// checkLimits returns a LimitError if the client may start no export now.
func (s *Store) checkLimits(ctx context.Context, tx pgx.Tx, clientID string) error {
	if s.config.ClientExports == 0 && s.config.TotalExports == 0 && s.config.ClientStoredExports == 0 && s.config.ClientStoredBytes == 0 {
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
	perClient, total := s.config.ClientExports, s.config.TotalExports
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
	maxExports, maxBytes := s.config.ClientStoredExports, s.config.ClientStoredBytes
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
