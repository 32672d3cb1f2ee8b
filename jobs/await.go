package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const listenSQL = `LISTEN sluice_export`

// pollInterval is how often AwaitParts looks without a notification, which can get
// lost.
const pollInterval = 5 * time.Second

// reconnectDelay is the pause before AwaitParts connects again.
const reconnectDelay = time.Second

// AwaitParts returns when all parts of the current generation are done. Meanwhile it
// uses one connection outside of the pool's limit: processes that wait must not keep
// the parts from being completed. It survives an outage of the database for the time
// of a lease. It returns ErrStale if the export has ended or was taken over.
func (s *Store) AwaitParts(ctx context.Context, held Export) (Export, error) {
	answered := time.Now()
	for {
		export, err := s.awaitOnce(ctx, held, func() { answered = time.Now() })
		if err == nil || errors.Is(err, ErrStale) || errors.Is(err, ErrNotFound) || time.Since(answered) > LeaseTime {
			return export, err
		}
		select {
		case <-ctx.Done():
			return export, err
		case <-time.After(reconnectDelay):
		}
	}
}

// awaitOnce is AwaitParts on one connection. It calls onAnswer for each answer of the
// database.
func (s *Store) awaitOnce(ctx context.Context, held Export, onAnswer func()) (Export, error) {
	pooled, err := s.pool.Acquire(ctx)
	if err != nil {
		return Export{}, fmt.Errorf("jobs: await parts: %w", err)
	}
	conn := pooled.Hijack()
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()

	if _, err := conn.Exec(ctx, listenSQL); err != nil {
		return Export{}, fmt.Errorf("jobs: await parts: %w", err)
	}
	for {
		export, err := scanExport(conn.QueryRow(ctx, exportSQL, held.ID))
		switch {
		case err != nil:
			return Export{}, fmt.Errorf("jobs: await parts: %w", err)
		case export.State != Running || export.attempt != held.attempt:
			return export, ErrStale
		case export.AllPartsDone():
			return export, nil
		}
		onAnswer()
		if err := awaitNotification(ctx, conn, held.ID); err != nil {
			return export, fmt.Errorf("jobs: await parts: %w", err)
		}
	}
}

// awaitNotification returns after a notification of the export, or after pollInterval.
func awaitNotification(ctx context.Context, conn *pgx.Conn, id uuid.UUID) error {
	wait, cancel := context.WithTimeout(ctx, pollInterval)
	defer cancel()

	for {
		notification, err := conn.WaitForNotification(wait)
		switch {
		case err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
			return nil
		case err != nil:
			return err
		case notification.Payload == id.String():
			return nil
		}
	}
}
