package jobs

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Record records what an operator has done to an export, in the same transaction. It
// receives the export as it was before.
type Record func(ctx context.Context, tx pgx.Tx, before Export) error

// CancelByOperator is Cancel for the export of any client. It returns ErrNotFound if
// there is no such export, and ErrStale if it was cancelled already.
func (s *Store) CancelByOperator(ctx context.Context, id uuid.UUID, record Record) error {
	event := Event{Kind: EventCancelled, ExportID: id, Reason: string(ByOperator)}
	return s.changeObserved(ctx, &event, "cancel export", func(ctx context.Context, tx pgx.Tx) error {
		before, err := scanExport(tx.QueryRow(ctx, exportSQL, id))
		if err != nil {
			return err
		}
		if err := s.abandon(ctx, tx, &event, ErrStale, cancelSQL, id); err != nil {
			return err
		}
		return record(ctx, tx, before)
	})
}

const expireNowSQL = `
UPDATE sluice.export e SET state = 'expired', expires_at = least(expires_at, now()), swept_at = NULL, ` + reduceRequestSQL + `
WHERE id = $1 AND state = 'completed'`

// ExpireByOperator ends the retention of a completed export of any client and deletes its
// objects. It returns ErrNotFound if there is no such export, and ErrStale if it is not
// completed.
func (s *Store) ExpireByOperator(ctx context.Context, id uuid.UUID, record Record) error {
	event := Event{ExportID: id}
	return s.changeObserved(ctx, &event, "expire export", func(ctx context.Context, tx pgx.Tx) error {
		before, err := scanExport(tx.QueryRow(ctx, exportSQL, id))
		if err != nil {
			return err
		}
		event = before.event(EventExpired)
		if err := changed(tx.Exec(ctx, expireNowSQL, id)); err != nil {
			return err
		}
		if _, err := s.enqueue(ctx, tx, CleanupArgs{ExportID: id}); err != nil {
			return err
		}
		return record(ctx, tx, before)
	})
}
