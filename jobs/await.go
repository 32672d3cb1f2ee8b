package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
)

const listenSQL = `LISTEN sluice_export`

// awaitEvery is how long a lost notification can go unnoticed.
const awaitEvery = 5 * time.Second

// Await returns when all parts of this generation are done. It takes one
// connection for as long as it waits. ErrOver if the export ended otherwise or
// was begun anew. In between, check is called every few seconds; its error ends
// the waiting.
func (s *Store) Await(ctx context.Context, id uuid.UUID, generation int, check func(context.Context) error) (Export, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return Export{}, fmt.Errorf("jobs: await parts: %w", err)
	}
	// Closed, not given back: it listens.
	defer func() { _ = conn.Hijack().Close(context.WithoutCancel(ctx)) }()

	if _, err := conn.Exec(ctx, listenSQL); err != nil {
		return Export{}, fmt.Errorf("jobs: await parts: %w", err)
	}
	for {
		export, err := scanExport(conn.QueryRow(ctx, exportSQL, id))
		switch {
		case err != nil:
			return Export{}, fmt.Errorf("jobs: await parts: %w", err)
		case export.State != Running || export.Generation != generation:
			return export, ErrOver
		case export.AllRead():
			return export, nil
		}
		if err := check(ctx); err != nil {
			return export, err
		}
		if err := awaitNotification(ctx, conn, id); err != nil {
			return export, fmt.Errorf("jobs: await parts: %w", err)
		}
	}
}

// awaitNotification returns when something happened to the export, or after a
// while.
func awaitNotification(ctx context.Context, conn *pgxpool.Conn, id uuid.UUID) error {
	wait, cancel := context.WithTimeout(ctx, awaitEvery)
	defer cancel()

	for {
		notification, err := conn.Conn().WaitForNotification(wait)
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
