package source

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/seed-90096f4d/sluice/sqltext"
)

// settleTime is how long a scan that was cut short waits at most for the server
// to end the query.
const settleTime = 4 * time.Second

// Scan says which rows of a table to read.
type Scan struct {
	Table Table

	// CreatedAfter, if set, leaves out rows created at that time or before, and
	// those that do not say when they were created. In a table without the
	// column cts, it applies to the last change: that gives more rows than
	// asked for, never fewer.
	CreatedAfter time.Time

	// ChangedAfter, if set, leaves out rows last changed at that time or
	// before, and those that do not say when they were changed.
	ChangedAfter time.Time

	// ChangedBefore, if set, leaves out rows last changed at that time or later,
	// and those that do not say when they were changed.
	ChangedBefore time.Time

	// Pages limits the scan to a share of the table.
	Pages PageRange

	// Only selects rows. It is not part of the scan's JSON.
	Only sqltext.Condition `json:"-"`

	// Without names members of the resources that the server leaves out.
	Without []string
}

// Scan hands the rows to fn as the server sends them, in no order that is
// promised, on a connection of its own and under the statement's own snapshot.
// Memory does not grow with the number of rows.
//
// When ctx is cancelled or fn fails, the query in the server is cancelled and
// its connection closed before Scan returns, which waits some seconds for that
// at most. The error of fn is returned as it is.
//
// A scan that keeps another session from its table for Config.GiveWay is ended
// with ErrInTheWay.
func (s *Source) Scan(ctx context.Context, scan Scan, fn func(*Row) error) error {
	return s.scan(ctx, scan, func(context.Context) func(*Row) error { return fn })
}

// scan is Scan for rows that go to what each returns.
func (s *Source) scan(ctx context.Context, scan Scan, each EachFunc) error {
	conn, err := s.acquire(ctx)
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	defer conn.Release()
	return conn.run(conn.ctx, scan.rows(each(conn.ctx)), s.pace)
}

// rows is the statement of a scan that hands its rows to fn.
func (scan Scan) rows(fn func(*Row) error) query {
	var row Row
	q := query{relation: quote(scan.Table.Schema, scan.Table.Name), statement: scan.statement()}
	q.check = func(fields []pgconn.FieldDescription) error { return checkColumns(scan.Table, fields) }
	q.each = func(values [][]byte) (size int, err error) {
		if err := row.decode(scan.Table, values); err != nil {
			return 0, fmt.Errorf("source: %w", err)
		}
		return len(row.Resource), fn(&row)
	}
	return q
}

// query is a statement whose rows are worked on as they come.
type query struct {
	relation  string // what it reads, as errors call it
	statement sqltext.Fragment

	// check looks at the columns of the result.
	check func(fields []pgconn.FieldDescription) error

	// each gets every row, in binary form, and returns the bytes it counts as.
	each func(values [][]byte) (size int, err error)
}

// run does the query on conn, not faster than the pace. The error of each is
// returned as it is.
func (q query) run(ctx context.Context, conn *pgconn.PgConn, pace *pace) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()

	binary := []int16{pgtype.BinaryFormatCode}
	sql, args := q.statement.Statement()
	result := conn.ExecParams(ctx, sql, args, nil, nil, binary)

	fnErr := q.eachRow(ctx, result, &meter{pace: pace})
	if fnErr != nil {
		stop() // or Close would read the rest of the table
	}
	_, err := result.Close()
	if conn.IsClosed() {
		settle(conn)
	}
	switch {
	case fnErr != nil:
		return fnErr
	case err != nil:
		return fmt.Errorf("source: read %s: %w", q.relation, err)
	}
	return nil
}

// eachRow calls each for every row of the result. The context is looked at for
// each, since rows already received would else be worked on to their end.
func (q query) eachRow(ctx context.Context, result *pgconn.ResultReader, read *meter) error {
	if fields := result.FieldDescriptions(); fields != nil {
		if err := q.check(fields); err != nil {
			return fmt.Errorf("source: %w", err)
		}
	}
	for result.NextRow() {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("source: read %s: %w", q.relation, err)
		}
		size, err := q.each(result.Values())
		if err != nil {
			return err
		}
		if err := read.add(ctx, size); err != nil {
			return err
		}
	}
	return read.settle(ctx)
}

// settle waits until the server has ended the query of a broken connection.
//
// pgx has asked for that already, but a request that comes between two messages
// of the extended protocol is lost: the server thinks itself idle for a moment.
// So it is asked again as long as it goes on. Where that does not help, as when
// the network is gone, it finds out by itself (see vigilanceSQL).
func settle(conn *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.Background(), settleTime)
	defer cancel()
	again := time.NewTicker(settleTime / 20)
	defer again.Stop()

	for {
		select {
		case <-conn.CleanupDone():
			return
		case <-ctx.Done():
			return
		case <-again.C:
			// A failure shows in that the query goes on.
			_ = conn.CancelRequest(ctx)
		}
	}
}
