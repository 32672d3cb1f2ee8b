package source

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/seed-90096f4d/sluice/source/catalog"
)

const beginSQL = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`

// Snapshot is one state of the database, held open for scans on other
// connections and in other processes (OpenReader). It lives as long as the
// connection that holds it, which is one of its own outside Config.MaxConns,
// and it must be closed: until then it keeps VACUUM from removing old rows.
//
// It is safe for concurrent use.
type Snapshot struct {
	// ID is what OpenReader takes. It is unique among the snapshots of all servers.
	ID string

	// TransactionTime is a time, in UTC and whole microseconds, up to which the
	// snapshot contains every change. It is earlier than the start of any
	// transaction that was open when the snapshot was taken and may still commit:
	// the rows of such a transaction have a later ts, so that the next export of
	// what changed since TransactionTime contains them.
	TransactionTime time.Time

	// Estimated means that TransactionTime is earlier by Config.CommitMargin, because
	// not every open transaction could be seen.
	Estimated bool

	mu      sync.Mutex // conn serves one query at a time
	conn    *pgx.Conn
	catalog *catalog.Catalog
	giveWay time.Duration
}

// OpenSnapshot takes a snapshot of the database as it is now and exports it.
func (s *Source) OpenSnapshot(ctx context.Context) (*Snapshot, error) {
	conn, err := s.pool.Connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("source: open snapshot: %w", err)
	}
	sn := s.newSnapshot(conn)
	if err := sn.open(ctx, s.config.CommitMargin); err != nil {
		return nil, errors.Join(fmt.Errorf("source: open snapshot: %w", err), conn.Close(ctx))
	}
	return sn, nil
}

func (s *Source) newSnapshot(conn *pgx.Conn) *Snapshot {
	return &Snapshot{conn: conn, catalog: s.catalog, giveWay: s.config.GiveWay}
}

func (sn *Snapshot) open(ctx context.Context, margin time.Duration) error {
	horizon, err := readHorizon(ctx, sn.conn, margin)
	if err != nil {
		return err
	}
	sn.TransactionTime, sn.Estimated = horizon.time, horizon.estimated

	if _, err := sn.conn.Exec(ctx, beginSQL); err != nil {
		return err
	}
	sn.ID, err = exportSnapshot(ctx, sn.conn)
	return err
}

// Close releases the snapshot. Running scans continue; no new Reader can be
// opened.
func (sn *Snapshot) Close(ctx context.Context) error {
	sn.mu.Lock()
	defer sn.mu.Unlock()

	if err := sn.conn.Close(ctx); err != nil {
		return fmt.Errorf("source: close snapshot: %w", err)
	}
	return nil
}
