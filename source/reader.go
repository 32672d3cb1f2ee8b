package source

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/source/connpool"
	"github.com/seed-90096f4d/sluice/source/form"
)

// Reader is a connection on which every scan sees the same imported snapshot. It counts
// against Config.MaxConns and must be closed. It is not safe for concurrent use and
// reads one scan at a time.
type Reader struct {
	conn    *connpool.Conn
	limiter *limiter
	forms   *form.Chooser
	catalog *catalog.Catalog
}

func (s *Source) newReader(conn *connpool.Conn) *Reader {
	return &Reader{conn: conn, limiter: s.limiter, forms: s.forms, catalog: s.catalog}
}

// OpenReader opens a Reader of the first of these snapshots that still exists; all
// must show the same state. If the URL leads to several servers, it searches for the
// one with the snapshots. It fails with ErrSnapshotGone if none exists or can be
// reached.
func (s *Source) OpenReader(ctx context.Context, snapshotIDs ...string) (*Reader, error) {
	r, err := s.openReader(ctx, snapshotIDs)
	if err != nil {
		return nil, fmt.Errorf("source: %w", err)
	}
	return r, nil
}

func (s *Source) openReader(ctx context.Context, snapshotIDs []string) (*Reader, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	r := s.newReader(conn)
	err = ErrSnapshotGone
	for _, id := range snapshotIDs {
		if err = s.openAt(ctx, r, id); err == nil {
			return r, nil
		}
		if !errors.Is(err, ErrSnapshotGone) || errors.Is(err, connpool.ErrElsewhere) {
			break // the others are on the same server
		}
	}
	r.Close(ctx)
	return nil, err
}

// openAt begins a transaction of the Reader that imports the snapshot, on the server
// that has it.
func (s *Source) openAt(ctx context.Context, r *Reader, snapshotID string) error {
	snapshot, err := parseReference(snapshotID)
	if err != nil {
		return err
	}
	if err := s.pool.MoveTo(ctx, r.conn, snapshot.server); err != nil {
		return snapshotError(err)
	}
	if err := importSnapshot(ctx, r.conn.Conn.Conn(), snapshot); err != nil {
		r.rollback(ctx)
		return err
	}
	return nil
}

// ExportSnapshot exports the imported snapshot again and returns the new ID. Under that
// ID it exists until the Reader is closed, independently of its first holder.
func (r *Reader) ExportSnapshot(ctx context.Context) (snapshotID string, err error) {
	if snapshotID, err = exportSnapshot(ctx, r.conn.Conn.Conn()); err != nil {
		return "", fmt.Errorf("source: export snapshot: %w", explain(r.conn, err))
	}
	return snapshotID, nil
}

// Scan is Source.Scan under the Reader's snapshot. It fails with ErrRewritten if
// the table is no longer as the snapshot shows it; otherwise the table is locked
// until the Reader is closed. After an error the Reader can only be closed.
func (r *Reader) Scan(ctx context.Context, scan Scan) (*Rows, error) {
	schema, name, only := scan.relation()
	if err := r.lockAndVerify(ctx, only, schema, name); err != nil {
		return nil, fmt.Errorf("source: %w", err)
	}
	rows := newRows(ctx, scan, r.limiter, r.forms)
	rows.attach(r.conn, nil)
	return rows, nil
}

// lockAndVerify locks a relation until the Reader is closed. It fails with
// catalog.ErrRewritten if the relation is no longer as the snapshot shows it.
func (r *Reader) lockAndVerify(ctx context.Context, only bool, schema, name string) error {
	return explain(r.conn, catalog.LockAndVerify(ctx, r.conn, only, schema, name))
}

// run runs a query to its end.
func (r *Reader) run(ctx context.Context, q query) error {
	return explain(r.conn, q.run(ctx, r.conn.PgConn(), r.limiter))
}

// Close ends the transaction and releases the connection.
func (r *Reader) Close(ctx context.Context) {
	r.rollback(ctx)
	r.conn.Release()
}

// rollback ends the transaction. If that fails, the connection is broken and the pool
// closes it.
func (r *Reader) rollback(ctx context.Context) {
	if conn := r.conn.PgConn(); !conn.IsClosed() {
		_, _ = conn.Exec(ctx, `ROLLBACK`).ReadAll()
	}
}
