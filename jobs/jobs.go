// Package jobs holds what an export is: the request of a kick-off, its parts and
// files, the states they go through with the SQL that moves them, and the River jobs
// that do the work. The API and the worker share it and meet nowhere else.
//
// Each change of a state is one transaction, together with the River jobs that it
// inserts, completes or cancels, so that an export and its jobs never disagree.
//
// It must not know how resources are read, formatted or stored: what a part reads is
// a document that only the worker understands.
package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/seed-90096f4d/sluice/telemetry/span"
)

// DefaultWindow is the default of Config.Window.
const DefaultWindow = 16

// Config holds the limits of exports. Processes that share a state database should
// have the same.
type Config struct {
	// Location is the version of the recorded location that the process reads from
	// and writes to; 0 if none is recorded.
	Location int

	// MaxExports limits the exports of all clients that are accepted or running (0 =
	// unlimited).
	MaxExports int

	// MaxExportsPerClient limits the exports of one client that are accepted or
	// running (0 = unlimited).
	MaxExportsPerClient int

	// MaxStoredBytesPerClient limits the bytes that the exports of one client have in
	// the bucket when it starts another (0 = unlimited).
	MaxStoredBytesPerClient int64

	// MaxStoredExportsPerClient limits the exports of one client that are accepted or
	// running or have files in the bucket (0 = unlimited).
	MaxStoredExportsPerClient int

	// Observe, if set, is called for each event of an export that this process has
	// committed. It must return quickly and is called concurrently.
	Observe func(context.Context, Event)

	// ReuseRunning makes Accept return an identical export of the same client that
	// has not ended, if there is one.
	ReuseRunning bool

	// Window is the maximum number of in-flight parts of one export, queued or
	// running. With a smaller window, a small export finishes sooner while a large
	// one runs; a window smaller than the concurrency of all workers leaves some of
	// it unused while a single export runs. Defaults to DefaultWindow.
	Window int
}

// Store reads and changes exports in the state database. It is safe for concurrent
// use, also by several processes.
type Store struct {
	config Config
	pool   *pgxpool.Pool
	river  *river.Client[pgx.Tx] // inserts and cancels jobs; it works none
}

// New returns a Store on a migrated state database.
func New(pool *pgxpool.Pool, cfg Config) (*Store, error) {
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{FetchCooldown: notifyInterval, Schema: Schema})
	if err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	cfg.Window = cmp.Or(cfg.Window, DefaultWindow)
	return &Store{config: cfg, pool: pool, river: client}, nil
}

const (
	// lockSQL serialises the changes of one export.
	lockSQL = `SELECT pg_advisory_xact_lock(hashtextextended('sluice.export ' || $1::text, 0))`

	// notifySQL wakes the processes that wait for the export (AwaitParts).
	notifySQL = `SELECT pg_notify('sluice_export', $1::text)`
)

// change runs do in a transaction that changes the export's state or the set of its
// parts, one at a time per export. Only CompletePart does without the lock: it locks
// its part and then the export's row, so a change of both locks them in that order,
// too.
func (s *Store) change(ctx context.Context, id uuid.UUID, action string, do func(ctx context.Context, tx pgx.Tx) error) error {
	return s.inTx(ctx, action, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockSQL, id); err != nil {
			return err
		}
		return do(ctx, tx)
	})
}

// beginTxSQL begins a transaction that the server ends when it is idle for longer than
// the milliseconds between two statements (holdOpen is for longer ones). The session's
// timeout, which is the time of a lease, would be too long: a paused process can have
// several transactions that queue for the row of an export, and each of them in turn
// would hold it for that time.
const beginTxSQL = `BEGIN; ` + shortIdleSQL

// inTx runs do in a transaction, which is a span, and wraps its error with the action.
func (s *Store) inTx(ctx context.Context, action string, do func(ctx context.Context, tx pgx.Tx) error) error {
	ctx, transaction := span.Start(ctx, action)
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{BeginQuery: beginTxSQL}, func(tx pgx.Tx) error { return do(ctx, tx) })
	span.End(transaction, err)
	if err != nil {
		return fmt.Errorf("jobs: %s: %w", action, err)
	}
	return nil
}

func notify(ctx context.Context, tx pgx.Tx, id uuid.UUID) error {
	_, err := tx.Exec(ctx, notifySQL, id)
	return err
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// collect returns the rows of a query.
func collect[T any](ctx context.Context, db querier, row pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	rows, _ := db.Query(ctx, sql, args...) // the rows have its error
	return pgx.CollectRows(rows, row)
}

// list is collect outside of a transaction. It wraps the error with the action.
func list[T any](ctx context.Context, s *Store, action string, row pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	all, err := collect(ctx, s.pool, row, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("jobs: %s: %w", action, err)
	}
	return all, nil
}

// update runs a statement outside of a transaction. It returns ErrStale if that has
// changed no row.
func (s *Store) update(ctx context.Context, action, sql string, args ...any) error {
	err := changed(s.pool.Exec(ctx, sql, args...))
	if err != nil && !errors.Is(err, ErrStale) {
		return fmt.Errorf("jobs: %s: %w", action, err)
	}
	return err
}

// check returns failure if the query does not return true.
func check(ctx context.Context, db querier, failure error, sql string, args ...any) error {
	var ok bool
	err := db.QueryRow(ctx, sql, args...).Scan(&ok)
	if err == nil && !ok {
		err = failure
	}
	return err
}

// changed returns ErrStale if a statement has changed no row.
func changed(tag pgconn.CommandTag, err error) error {
	if err == nil && tag.RowsAffected() == 0 {
		return ErrStale
	}
	return err
}
