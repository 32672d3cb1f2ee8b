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
	// ID is what OpenReader takes. It identifies the snapshot among all of all servers.
	ID string

	// TransactionTime is, in UTC and whole microseconds, a time up to which
	// every change is in the snapshot. It is earlier than the start of any
	// transaction that was open when the snapshot was taken and may still
	// commit: the rows of such a one carry a ts after TransactionTime, so a
	// next export of what changed since then has them.
	TransactionTime time.Time

	// Estimated means that Config.CommitMargin was taken off TransactionTime,
	// because not every open transaction could be seen.
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

const (
	// pingEvery is how often the server is asked whether the snapshot is there.
	// It tells by itself when it ends the session; a network that is cut off
	// tells nobody.
	pingEvery = 5 * time.Second

	// pingTimeout bounds the answer. The server has nothing else to do on that
	// connection.
	pingTimeout = time.Minute
)

// Watch returns ErrSnapshotGone as soon as the snapshot is gone or, with
// ErrInTheWay, should go (Config.GiveWay), or the error of ctx when that ends
// before. Then the snapshot can only be closed.
func (sn *Snapshot) Watch(ctx context.Context) error {
	sn.mu.Lock()
	defer sn.mu.Unlock()

	for {
		err := sn.wait(ctx)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("source: watch snapshot: %w", ctx.Err())
		case err != nil:
			return fmt.Errorf("source: %w: %w", ErrSnapshotGone, err)
		}
	}
}

// wait waits a while for the server to end the session, and asks it then
// whether it is still there.
func (sn *Snapshot) wait(ctx context.Context) error {
	idle, cancel := context.WithTimeout(ctx, pingEvery)
	defer cancel()
	// Nobody notifies this session: only its end, or that of the time, ends this.
	if _, err := sn.conn.WaitForNotification(idle); err != nil && (idle.Err() == nil || sn.conn.IsClosed()) {
		return err
	}
	answer, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	return sn.ask(answer)
}

// Close releases the snapshot. Scans that have begun go on; none can begin.
func (sn *Snapshot) Close(ctx context.Context) error {
	sn.mu.Lock()
	defer sn.mu.Unlock()

	if err := sn.conn.Close(ctx); err != nil {
		return fmt.Errorf("source: close snapshot: %w", err)
	}
	return nil
}
