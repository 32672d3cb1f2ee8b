package source

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	beginSQL  = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`
	exportSQL = `SELECT pg_export_snapshot()`
)

// Snapshot is one state of the database, held open for scans on other
// connections and in other processes (ScanAt). It lives as long as the
// connection that holds it, which is one of its own outside Config.MaxConns,
// and it must be closed: until then it keeps VACUUM from removing old rows.
//
// It is safe for concurrent use.
type Snapshot struct {
	// ID is the name that ScanAt takes.
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

	mu     sync.Mutex // conn serves one query at a time
	conn   *pgx.Conn
	schema string
}

// OpenSnapshot takes a snapshot of the database as it is now and exports it.
func (s *Source) OpenSnapshot(ctx context.Context) (*Snapshot, error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("source: open snapshot: %w", err)
	}
	sn := &Snapshot{conn: conn, schema: s.config.Schema}
	if err := sn.open(ctx, s.config.CommitMargin); err != nil {
		return nil, errors.Join(fmt.Errorf("source: open snapshot: %w", err), conn.Close(ctx))
	}
	return sn, nil
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
	return sn.conn.QueryRow(ctx, exportSQL).Scan(&sn.ID)
}

// Tables lists the FHIR tables as Source.Tables does, with the sizes they have
// now: no row of the snapshot lies beyond them.
func (sn *Snapshot) Tables(ctx context.Context, known []string) ([]Table, error) {
	sn.mu.Lock()
	defer sn.mu.Unlock()

	tables, err := listTables(ctx, sn.conn, sn.schema, known)
	if err != nil {
		return nil, fmt.Errorf("source: list tables: %w", err)
	}
	return tables, nil
}

// Alive asks the server whether the snapshot is still there. If not, the error
// is ErrSnapshotGone, for good. A ctx that ends before the answer comes breaks
// the connection and the snapshot with it, so it should allow some time.
func (sn *Snapshot) Alive(ctx context.Context) error {
	sn.mu.Lock()
	defer sn.mu.Unlock()

	if err := sn.conn.Ping(ctx); err != nil {
		return fmt.Errorf("source: %w: %w", ErrSnapshotGone, err)
	}
	return nil
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

// ScanAt is Scan under the snapshot with this ID, which may be held by another
// process. ErrSnapshotGone if nobody holds it any more.
func (s *Source) ScanAt(ctx context.Context, snapshotID string, scan Scan, fn func(*Row) error) error {
	return s.readAt(ctx, snapshotID, func(conn *pgconn.PgConn) error { return stream(ctx, conn, scan, fn) })
}

// readAt runs one read under the snapshot, on a connection of the pool.
func (s *Source) readAt(ctx context.Context, snapshotID string, read func(conn *pgconn.PgConn) error) error {
	pooled, err := s.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	// A connection still in the transaction is closed, not given back.
	defer pooled.Release()

	conn := pooled.Conn().PgConn()
	if err := importSnapshot(ctx, conn, snapshotID); err != nil {
		return fmt.Errorf("source: %w", err)
	}
	if err := read(conn); err != nil {
		return err
	}
	// All has been read: an error here can only concern the connection.
	_, _ = conn.Exec(ctx, `ROLLBACK`).ReadAll()
	return nil
}

// snapshotID is what PostgreSQL's names of snapshots look like. SET TRANSACTION
// takes no parameters, so the name stands in the statement.
var snapshotID = regexp.MustCompile(`^[0-9A-Fa-f]+(-[0-9A-Fa-f]+)*$`)

// importSnapshot begins a transaction that sees the snapshot.
func importSnapshot(ctx context.Context, conn *pgconn.PgConn, id string) error {
	if !snapshotID.MatchString(id) {
		return fmt.Errorf("%w: %q is not the name of one", ErrSnapshotGone, id)
	}
	_, err := conn.Exec(ctx, beginSQL+`; SET TRANSACTION SNAPSHOT '`+id+`'`).ReadAll()

	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		switch pgErr.Code {
		case
			"22023", // invalid_parameter_value: no such snapshot, up to PostgreSQL 15
			"42704", // undefined_object: the same, later
			"55000": // object_not_in_prerequisite_state: its transaction has ended
			return fmt.Errorf("%w: %w", ErrSnapshotGone, err)
		}
	}
	return err
}
