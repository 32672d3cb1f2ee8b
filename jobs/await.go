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

// awaitEvery is how long a lost notification can go unnoticed.
const awaitEvery = 5 * time.Second

// reconnectEvery is how long Await pauses before it connects again.
const reconnectEvery = time.Second

// AwaitParts returns when all parts of this generation are done. While it waits it
// uses one connection, outside the bound of the pool: those who wait must not
// keep the parts from being done. It survives an outage of the database for the
// time of a lease. ErrStale if the export ended otherwise or was begun anew.
func (s *Store) AwaitParts(ctx context.Context, holding Export) (Export, error) {
	answered := time.Now()
	for {
		export, err := s.awaitOnce(ctx, holding, func() { answered = time.Now() })
		if err == nil || errors.Is(err, ErrStale) || errors.Is(err, ErrNotFound) || time.Since(answered) > LeaseTime {
			return export, err
		}
		select {
		case <-ctx.Done():
			return export, err
		case <-time.After(reconnectEvery):
		}
	}
}

// awaitOnce is Await for as long as the database answers. It reports each answer.
func (s *Store) awaitOnce(ctx context.Context, holding Export, answers func()) (Export, error) {
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
		export, err := scanExport(conn.QueryRow(ctx, exportSQL, holding.ID))
		switch {
		case err != nil:
			return Export{}, fmt.Errorf("jobs: await parts: %w", err)
		case export.State != Running || export.attempt != holding.attempt:
			return export, ErrStale
		case export.AllPartsDone():
			return export, nil
		}
		answers()
		if err := awaitNotification(ctx, conn, holding.ID); err != nil {
			return export, fmt.Errorf("jobs: await parts: %w", err)
		}
	}
}

// awaitNotification returns when something happened to the export, or after a
// while.
func awaitNotification(ctx context.Context, conn *pgx.Conn, id uuid.UUID) error {
	wait, cancel := context.WithTimeout(ctx, awaitEvery)
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
