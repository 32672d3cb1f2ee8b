package source

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/seed-90096f4d/sluice/sqltext"
)

// settleTimeout bounds the wait for the server to end a cancelled query.
const settleTimeout = 4 * time.Second

// query is a statement whose result is read row by row.
type query struct {
	relation  string // what it reads, for error messages
	statement sqltext.Fragment

	// check checks the columns of the result.
	check func(fields []pgconn.FieldDescription) error

	// each is called by run for every row, in binary form, and returns the number of
	// bytes that count against the read rate.
	each func(values [][]byte) (size int, err error)
}

// cursor reads the result of a query. It must be closed.
type cursor struct {
	ctx      context.Context
	cancel   context.CancelFunc
	conn     *pgconn.PgConn
	query    query
	sql      string // of the statement
	result   *pgconn.ResultReader
	checked  bool // the columns are as expected
	finished bool // there are no more rows
	meter    meter
	err      error
}

// start sends the query.
func (q query) start(ctx context.Context, conn *pgconn.PgConn, limiter *limiter) *cursor {
	c := &cursor{conn: conn, query: q, meter: meter{limiter: limiter}}
	c.ctx, c.cancel = context.WithCancel(ctx)
	binary := []int16{pgtype.BinaryFormatCode}
	var args [][]byte
	c.sql, args = q.statement.Statement()
	c.result = conn.ExecParams(c.ctx, c.sql, args, nil, nil, binary)
	return c
}

// next advances to the next row and reports whether there is one. It checks the
// context for each, since the rest of the rows may have been received already.
func (c *cursor) next() bool {
	if c.err != nil || c.finished {
		return false
	}
	if !c.checked {
		c.checked = true
		if fields := c.result.FieldDescriptions(); fields != nil {
			if err := c.query.check(fields); err != nil {
				c.err = fmt.Errorf("source: %w", err)
				return false
			}
		}
	}
	if c.meter.isDue() {
		if c.err = c.meter.wait(c.ctx); c.err != nil {
			return false
		}
	}
	if !c.result.NextRow() {
		c.finished = true
		c.err = c.meter.wait(c.ctx)
		return false
	}
	if err := c.ctx.Err(); err != nil {
		c.err = fmt.Errorf("source: read %s: %w", c.query.relation, err)
		return false
	}
	return true
}

// values returns the row in binary form. It is valid until the next call of next.
func (c *cursor) values() [][]byte { return c.result.Values() }

// close ends the query, if it has not ended, and returns the first error.
func (c *cursor) close() error {
	defer c.cancel()
	if !c.finished {
		c.cancel() // or Close would read the rest of the table
	}
	_, err := c.result.Close()
	if c.conn.IsClosed() {
		settle(c.conn)
	}
	switch {
	case c.err != nil:
		return c.err
	case err != nil:
		return fmt.Errorf("source: read %s: %w", c.query.relation, err)
	}
	return nil
}

// run runs the query to its end. The error of q.each is returned as it is.
func (q query) run(ctx context.Context, conn *pgconn.PgConn, limiter *limiter) error {
	c := q.start(ctx, conn, limiter)
	for c.next() {
		size, err := q.each(c.values())
		if err != nil {
			c.err = err
			break
		}
		c.meter.add(size)
	}
	return c.close()
}

// settle waits until the server has ended the query of a broken connection.
//
// pgx has sent a cancel request, but one that arrives between two messages of the
// extended protocol is lost, because the server is idle for a moment. So settle
// repeats it. If that does not help, as when the network is down, the server
// detects the closed connection by itself (connpool sets client_connection_check_interval).
func settle(conn *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	again := time.NewTicker(settleTimeout / 20)
	defer again.Stop()

	for {
		select {
		case <-conn.CleanupDone():
			return
		case <-ctx.Done():
			return
		case <-again.C:
			_ = conn.CancelRequest(ctx) // retried if it fails
		}
	}
}
