package source

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
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

	// Blocks limits the scan to a share of the table.
	Blocks BlockRange
}

// Scan hands the rows to fn as the server sends them, in no order that is
// promised, on a connection of its own and under the statement's own snapshot.
// Memory does not grow with the number of rows.
//
// When ctx is cancelled or fn fails, the query in the server is cancelled and
// its connection closed before Scan returns, which waits some seconds for that
// at most. The error of fn is returned as it is.
func (s *Source) Scan(ctx context.Context, scan Scan, fn func(*Row) error) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	defer conn.Release()

	return stream(ctx, conn.Conn().PgConn(), s.pace, scan, fn)
}

// stream runs the scan's query on conn, not faster than the pace.
func stream(ctx context.Context, conn *pgconn.PgConn, pace *pace, scan Scan, fn func(*Row) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()

	sql, params, types := scan.query()
	binary := []int16{pgtype.BinaryFormatCode}
	result := conn.ExecParams(ctx, sql, params, types, nil, binary)

	fnErr := eachRow(ctx, result, &meter{pace: pace}, scan.Table, fn)
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
		return fmt.Errorf("source: read %s: %w", quote(scan.Table.Schema, scan.Table.Name), err)
	}
	return nil
}

// eachRow calls fn for every row of the result. The context is looked at for
// each, since rows already received would else be worked on to their end.
func eachRow(ctx context.Context, result *pgconn.ResultReader, read *meter, table Table, fn func(*Row) error) error {
	if fields := result.FieldDescriptions(); fields != nil {
		if err := checkColumns(table, fields); err != nil {
			return fmt.Errorf("source: %w", err)
		}
	}
	var row Row
	for result.NextRow() {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("source: read %s: %w", quote(table.Schema, table.Name), err)
		}
		if err := row.decode(table, result.Values()); err != nil {
			return fmt.Errorf("source: %w", err)
		}
		size := len(row.Resource)
		if err := fn(&row); err != nil {
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

// query builds the statement of a scan, its parameters, and their types. It
// has no ORDER BY and no cursor, so that the first row comes at once.
func (scan Scan) query() (sql string, params [][]byte, types []uint32) {
	var conditions []string
	after := func(column string, t time.Time) {
		if !t.IsZero() {
			params = append(params, formatTime(t))
			types = append(types, pgtype.TimestamptzOID)
			conditions = append(conditions, column+" > $"+strconv.Itoa(len(params)))
		}
	}

	created, createdColumn := "NULL::timestamptz", "ts"
	if scan.Table.HasCreated {
		created, createdColumn = "cts", "cts"
	}
	after(createdColumn, scan.CreatedAfter)
	after("ts", scan.ChangedAfter)
	if scan.Blocks.From > 0 {
		conditions = append(conditions, fmt.Sprintf("ctid >= '(%d,0)'", scan.Blocks.From))
	}
	if scan.Blocks.To > 0 {
		conditions = append(conditions, fmt.Sprintf("ctid < '(%d,0)'", scan.Blocks.To))
	}

	relation := quote(scan.Table.Schema, scan.Table.Name)
	if scan.Blocks.Name != "" {
		relation = "ONLY " + quote(scan.Blocks.Schema, scan.Blocks.Name)
	}
	sql = "SELECT id, txid, ts, " + created + ", resource FROM " + relation
	if len(conditions) > 0 {
		sql += " WHERE " + strings.Join(conditions, " AND ")
	}
	return sql, params, types
}
