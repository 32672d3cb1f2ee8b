// Package jobs is what an export is: the request of a kick-off, its parts, the
// states they go through with the SQL that moves them, and the River jobs that
// carry the work. The API and the worker share it and meet nowhere else.
//
// Each move of a state is one transaction, together with the River jobs it
// adds, completes or cancels, so that an export and its jobs never disagree.
//
// It must not know how resources are read, formatted or stored: what to scan is
// a document that only the worker understands.
package jobs

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// Store is the state database's view of exports. It is safe for concurrent
// use, by many processes too.
type Store struct {
	config Config
	pool   *pgxpool.Pool
	// river adds and cancels jobs; it works none.
	river *river.Client[pgx.Tx]
}

// notifyEvery is how often River tells workers of new jobs at most. One they are
// not told of is found a second later, and parts come one by one.
const notifyEvery = 5 * time.Millisecond

// New returns a Store on a migrated state database.
func New(pool *pgxpool.Pool, cfg Config) (*Store, error) {
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{FetchCooldown: notifyEvery, Schema: Schema})
	if err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	return &Store{config: cfg.withDefaults(), pool: pool, river: client}, nil
}

const (
	// lockSQL makes the moves of one export wait for each other.
	lockSQL = `SELECT pg_advisory_xact_lock(hashtextextended('sluice.export ' || $1::text, 0))`

	// notifySQL wakes up whoever waits for the export (Await).
	notifySQL = `SELECT pg_notify('sluice_export', $1::text)`
)

// move runs do in a transaction that changes the export's state or the set of
// its parts, one at a time for each export. Only Done, which ends a single
// part, does without: it locks its part and then the export, so a move that
// touches both does it in that order too.
func (s *Store) move(ctx context.Context, id uuid.UUID, doing string, do func(tx pgx.Tx) error) error {
	return s.transact(ctx, doing, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockSQL, id); err != nil {
			return err
		}
		return do(tx)
	})
}

// beginBriefSQL begins a transaction that is idle only from one statement to the
// next, which takes milliseconds (awake is for others). The time of a lease, which
// the session has for that, would be too long: a process that is paused can have
// several transactions that wait in line for the row of an export, and each of them
// gets it in turn and keeps it for that time, though there is nobody to go on.
const beginBriefSQL = `BEGIN; ` + briefSQL

// transact runs do in a transaction and puts doing before its error.
func (s *Store) transact(ctx context.Context, doing string, do func(tx pgx.Tx) error) error {
	if err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{BeginQuery: beginBriefSQL}, do); err != nil {
		return fmt.Errorf("jobs: %s: %w", doing, err)
	}
	return nil
}

func notify(ctx context.Context, tx pgx.Tx, id uuid.UUID) error {
	_, err := tx.Exec(ctx, notifySQL, id)
	return err
}
