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

	// Lag is how much earlier TransactionTime is than the snapshot.
	Lag time.Duration

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
	sn.TransactionTime, sn.Estimated, sn.Lag = horizon.time, horizon.estimated, horizon.lag

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

const (
	// pingInterval is the interval at which Watch pings the server. The server reports
	// the end of the session by itself, but a network that is cut off does not.
	pingInterval = 5 * time.Second

	// pingTimeout bounds the answer. The server has nothing else to do on that
	// connection.
	pingTimeout = time.Minute
)

// Watch blocks until the snapshot is gone and returns ErrSnapshotGone. It returns that
// with ErrInTheWay if the snapshot should be closed because it blocks another session
// (Config.GiveWay), and the error of ctx if ctx ends first. Afterwards the snapshot can
// only be closed.
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

// wait waits for the server to end the session, at most for pingInterval, and then pings
// the server.
func (sn *Snapshot) wait(ctx context.Context) error {
	idle, cancel := context.WithTimeout(ctx, pingInterval)
	defer cancel()
	// The session listens to no channel: only its end, or the timeout, ends this.
	if _, err := sn.conn.WaitForNotification(idle); err != nil && (idle.Err() == nil || sn.conn.IsClosed()) {
		return err
	}
	answer, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	return sn.ping(answer)
}

// blocksSQL reports whether another session has waited for $1 or longer for a lock on a
// table that this session has locked. Only sessions that need the table exclusively
// wait for a reader: to rewrite, truncate, alter or drop it.
const blocksSQL = `
SELECT EXISTS (
	SELECT FROM pg_locks
	WHERE NOT granted AND locktype = 'relation' AND waitstart <= clock_timestamp() - $1::interval
		AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))`

// ping fails with ErrInTheWay if the snapshot blocks another session.
//
// All later readers and writers of the table queue behind that session, and so do the
// parts of the export for which the snapshot is held: without this, they would wait for
// each other without end.
func (sn *Snapshot) ping(ctx context.Context) error {
	var blocks bool
	if err := sn.conn.QueryRow(ctx, blocksSQL, sn.giveWay).Scan(&blocks); err != nil {
		return err
	}
	if blocks {
		return ErrInTheWay
	}
	return nil
}

// While runs work, which needs the snapshot to be held. The context of work is
// cancelled when Watch returns an error, which is then part of the result.
func (sn *Snapshot) While(ctx context.Context, work func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel(nil)

	watching.Go(func() { cancel(sn.Watch(ctx)) })
	err := work(ctx)
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
		return errors.Join(cause, err)
	}
	return err
}
