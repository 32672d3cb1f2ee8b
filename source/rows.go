package source

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/source/connpool"
	"github.com/seed-90096f4d/sluice/source/form"
	"github.com/seed-90096f4d/sluice/sqltext"
)

// Rows are the rows of a scan, read from the server one by one, in no particular order:
//
//	defer rows.Close()
//	for rows.Next() {
//		row := rows.Row()
//	}
//	return rows.Err()
//
// Memory does not depend on their number. When Next returns false, the connection is
// released. Only Cancel and Context are safe for concurrent use.
type Rows struct {
	ctx    context.Context
	cancel context.CancelCauseFunc

	scan    Scan
	suffix  sqltext.Fragment         // of the statement
	ranges  <-chan catalog.PageRange // to read
	limiter *limiter
	forms   *form.Chooser

	conn     *connpool.Conn
	release  func()        // releases the connection, if the Rows own it
	detach   func() bool   // stops watching the connection
	parallel *ParallelScan // to join at the first Next, if not nil

	cursor *cursor
	row    Row
	err    error
	closed bool
}

// newRows returns the rows of a scan that has no connection yet.
func newRows(ctx context.Context, scan Scan, limiter *limiter, forms *form.Chooser) *Rows {
	one := make(chan catalog.PageRange, 1)
	one <- scan.Pages
	close(one)
	r := &Rows{scan: scan, ranges: one, limiter: limiter, forms: forms}
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	return r
}

// attach sets the connection to read on. When the connection has to give way, the scan
// is cancelled.
func (r *Rows) attach(conn *connpool.Conn, release func()) {
	r.conn, r.release = conn, release
	r.detach = context.AfterFunc(conn.Context(), func() {
		if cause := context.Cause(conn.Context()); errors.Is(cause, ErrInTheWay) {
			r.cancel(cause)
		}
	})
}

// Next advances to the next row and reports whether there is one. It returns false after
// the last row and after an error.
func (r *Rows) Next() bool {
	for !r.closed {
		if r.cursor == nil && !r.begin() {
			r.close()
			return false
		}
		if r.cursor.next() {
			if r.err = r.row.decode(&r.scan.Table, r.cursor.values()); r.err != nil {
				r.err = fmt.Errorf("source: %w", r.err)
				r.close()
				return false
			}
			r.cursor.meter.add(len(r.row.Resource))
			return true
		}
		sql, err := r.cursor.sql, r.cursor.close()
		r.cursor = nil
		if err != nil {
			if r.row.Stored {
				err = r.forms.Explain(r.conn.Conn.Conn(), sql, err)
			}
			r.err = r.explain(err)
			r.close()
		}
	}
	return false
}

// begin starts to read the next range, if there is one.
func (r *Rows) begin() bool {
	if r.parallel != nil && r.conn == nil && !r.parallel.join(r) {
		return false
	}
	pages, ok := <-r.ranges
	if !ok {
		if r.parallel != nil {
			r.parallel.stopOpening()
		}
		return false
	}
	if r.row.Stored, r.err = r.forms.Stored(r.ctx, r.conn.Conn.Conn()); r.err != nil {
		r.err = fmt.Errorf("source: %w", r.explain(r.err))
		return false
	}
	r.scan.Pages = pages
	q := query{relation: catalog.Quote(r.scan.Table.Schema, r.scan.Table.Name), statement: sqltext.Concat(r.scan.statement(r.row.Stored), r.suffix)}
	q.check = func(fields []pgconn.FieldDescription) error { return checkColumns(r.scan.Table, fields, r.row.Stored) }
	r.cursor = q.start(r.ctx, r.conn.PgConn(), r.limiter)
	return true
}

// Row returns the current row, which is valid until the next call of Next or Close.
func (r *Rows) Row() *Row { return &r.row }

// Err returns the error that ended the rows, if any. It is ErrInTheWay if the scan has
// blocked another session for Config.GiveWay.
func (r *Rows) Err() error { return r.err }

// Context returns the context of the scan. It ends when the scan is cancelled and, with
// the cause ErrInTheWay, when the scan has blocked another session for Config.GiveWay,
// even while the consumer is not in Next.
func (r *Rows) Context() context.Context { return r.ctx }

// Cancel makes Next return false, by cancelling the query in the server. If the rows had
// not ended, Err then returns an error. Cancel applies to all readers of a ParallelScan.
func (r *Rows) Cancel() { r.cancel(nil) }

// Close ends the scan. If there are more rows, it cancels the query in the server,
// closes the connection, and waits for a few seconds at most for the query to end.
func (r *Rows) Close() {
	r.cancel(nil)
	if !r.closed {
		r.close()
	}
}

func (r *Rows) close() {
	r.closed = true
	if r.cursor != nil {
		_ = r.cursor.close() // ended before its end
		r.cursor = nil
	}
	if r.detach != nil {
		r.detach()
	}
	if r.release != nil {
		r.release()
	}
}

// explain adds ErrInTheWay to an error if the scan had to give way.
func (r *Rows) explain(err error) error {
	return snapshotError(connpool.Explain(r.ctx, r.conn.Explain(err)))
}
