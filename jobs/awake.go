package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// awakeEvery is how often a transaction that waits for something else says that
// its process lives. The server ends one that is idle for the time of a lease.
const awakeEvery = 5 * time.Second

const (
	// patientSQL gives a transaction the session's time to be idle.
	patientSQL = `SET LOCAL idle_in_transaction_session_timeout TO DEFAULT`

	// briefSQL takes it back.
	briefSQL = `SET LOCAL idle_in_transaction_session_timeout = '5s'`
)

// awake runs do, which does not use tx, and keeps the server from taking tx for
// one whose process hangs. When tx is lost, and with it what it has locked, the
// context of do ends.
func awake(ctx context.Context, tx pgx.Tx, do func(context.Context) error) error {
	if _, err := tx.Exec(ctx, patientSQL); err != nil {
		return err
	}
	if err := whileAwake(ctx, tx, do); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, briefSQL)
	return err
}

func whileAwake(ctx context.Context, tx pgx.Tx, do func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(chan error, 1)
	go func() { ended <- do(ctx) }()

	ticker := time.NewTicker(awakeEvery)
	defer ticker.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-ticker.C:
			if _, err := tx.Exec(ctx, `SELECT`); err != nil {
				cancel(err)
				return errors.Join(err, <-ended)
			}
		}
	}
}
