package source

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/jackc/pgx/v5/pgconn"
)

// Reader is a connection on which every scan sees one snapshot, which others
// hold. It counts against Config.MaxConns, serves one scan at a time, and must
// be closed.
type Reader struct {
	conn *connection
	pace *pace
}

// OpenReader opens a Reader of the first of these snapshots that somebody still
// holds; they are meant to show the same state. ErrSnapshotGone if none is left.
func (s *Source) OpenReader(ctx context.Context, snapshotIDs ...string) (*Reader, error) {
	conn, err := s.acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("source: %w", err)
	}
	r := &Reader{conn: conn, pace: s.pace}
	err = ErrSnapshotGone
	for _, id := range snapshotIDs {
		if err = importSnapshot(ctx, conn.pg(), id); !errors.Is(err, ErrSnapshotGone) {
			break
		}
		r.rollback(ctx)
	}
	if err != nil {
		r.Close(ctx)
		return nil, fmt.Errorf("source: %w", err)
	}
	return r, nil
}

// Share exports the snapshot once more and returns the new name, under which it
// lives as long as the Reader is open, whatever becomes of the first holder.
func (r *Reader) Share(ctx context.Context) (snapshotID string, err error) {
	if err := r.conn.QueryRow(ctx, exportSQL).Scan(&snapshotID); err != nil {
		return "", fmt.Errorf("source: share snapshot: %w", r.conn.explain(err))
	}
	return snapshotID, nil
}

// Scan is Source.Scan under the Reader's snapshot. ErrRewritten, before the
// first row, if the table is no longer as the snapshot shows it; else it is
// kept so until the Reader is closed. After an error the Reader is of no more
// use.
func (r *Reader) Scan(ctx context.Context, scan Scan, fn func(*Row) error) error {
	schema, name, only := scan.relation()
	if err := r.pin(ctx, only, schema, name); err != nil {
		return fmt.Errorf("source: %w", err)
	}
	return r.stream(ctx, scan, fn)
}

// pin is pin on the connection of the Reader.
func (r *Reader) pin(ctx context.Context, only bool, schema, name string) error {
	return r.conn.explain(pin(ctx, r.conn, only, schema, name))
}

// stream is Scan of a table that is known to be as the snapshot shows it.
func (r *Reader) stream(ctx context.Context, scan Scan, fn func(*Row) error) error {
	return r.conn.run(ctx, scan.rows(fn), r.pace)
}

// Close gives the connection back.
func (r *Reader) Close(ctx context.Context) {
	r.rollback(ctx)
	r.conn.Release()
}

// rollback ends the transaction. If that fails the connection is broken, and
// the pool drops it.
func (r *Reader) rollback(ctx context.Context) {
	if conn := r.conn.pg(); !conn.IsClosed() {
		_, _ = conn.Exec(ctx, `ROLLBACK`).ReadAll()
	}
}

// ScanAt is Scan under the snapshot with this ID, which may be held by another
// process. ErrSnapshotGone if nobody holds it any more.
func (s *Source) ScanAt(ctx context.Context, snapshotID string, scan Scan, fn func(*Row) error) error {
	r, err := s.OpenReader(ctx, snapshotID)
	if err != nil {
		return err
	}
	defer r.Close(ctx)
	return r.Scan(ctx, scan, fn)
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
