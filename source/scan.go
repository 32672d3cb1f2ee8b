package source

import (
	"context"
	"fmt"
	"slices"
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

	// ChangedBefore, if set, leaves out rows last changed at that time or later,
	// and those that do not say when they were changed.
	ChangedBefore time.Time

	// Pages limits the scan to a share of the table.
	Pages PageRange

	// Only, if set, leaves out the rows that do not meet it.
	Only Condition

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
	q := scan.query()
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
	relation string // what it reads, as errors call it
	sql      string
	params   [][]byte
	types    []uint32 // of params

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
	result := conn.ExecParams(ctx, q.sql, q.params, q.types, nil, binary)

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

// relation names what is read: one relation only, or the table with all that
// belongs to it.
func (scan Scan) relation() (schema, name string, only bool) {
	if scan.Pages.Name != "" {
		return scan.Pages.Schema, scan.Pages.Name, true
	}
	return scan.Table.Schema, scan.Table.Name, false
}

// query builds the statement of a scan, without what becomes of its rows. It
// has no ORDER BY and no cursor, so that the first row comes at once.
func (scan Scan) query() query {
	q, relation, limits := scan.begin()
	resource := "r.resource"
	if len(scan.Without) > 0 {
		q.params = append(q.params, []byte(strings.Join(scan.Without, ",")))
		q.types = append(q.types, pgtype.TextOID)
		resource = "CASE jsonb_typeof(r.resource) WHEN 'object' THEN r.resource - string_to_array($" +
			strconv.Itoa(len(q.params)) + ", ',') ELSE r.resource END"
	}
	conditions := slices.Concat(limits, scan.Only.conditions(relation, limits, scan.Pages.ByLookup))
	q.sql = "SELECT " + scan.columns(resource) + " FROM " + relation + where(conditions)
	return q
}

// countLookup builds the statement that counts what the scan's Lookup finds, up
// to a limit.
func (scan Scan) countLookup(limit int64) query {
	scan.Only = Condition{Lookup: scan.Only.Lookup, Args: scan.Only.Args[:scan.Only.LookupArgs]}
	q, relation, limits := scan.begin()
	q.sql = fmt.Sprintf("SELECT count(*) FROM (%s LIMIT %d) AS found", scan.Only.lookup(relation, limits), limit)
	return q
}

// begin binds the scan's values and says what it reads: the relation, which it
// calls r, within limits of time and blocks.
func (scan Scan) begin() (q query, relation string, limits []string) {
	q = query{relation: quote(scan.Table.Schema, scan.Table.Name)}
	limits = scan.limit(&q)
	schema, name, only := scan.relation()
	return q, scan.Table.from(schema, name, only) + " AS r", limits
}

// columns are those that checkColumns knows, of a row r with a resource.
func (scan Scan) columns(resource string) string {
	created := "NULL::timestamptz"
	if scan.Table.HasCreated {
		created = "r.cts"
	}
	return "r.id, r.txid, r.ts, " + created + ", " + resource
}

// limit binds the arguments of the scan and returns the conditions that limit it
// by times and blocks. Those of Only come with conditions of its own.
func (scan Scan) limit(q *query) (limits []string) {
	q.bind(scan.Only.Args)
	bound := func(column, operator string, t time.Time) {
		if !t.IsZero() {
			q.params = append(q.params, formatTime(t))
			q.types = append(q.types, pgtype.TimestamptzOID)
			limits = append(limits, column+" "+operator+" $"+strconv.Itoa(len(q.params)))
		}
	}
	createdColumn := "r.ts"
	if scan.Table.HasCreated {
		createdColumn = "r.cts"
	}
	bound(createdColumn, ">", scan.CreatedAfter)
	bound("r.ts", ">", scan.ChangedAfter)
	bound("r.ts", "<", scan.ChangedBefore)
	if scan.Pages.From > 0 {
		limits = append(limits, fmt.Sprintf("r.ctid >= '(%d,0)'", scan.Pages.From))
	}
	if scan.Pages.To > 0 {
		limits = append(limits, fmt.Sprintf("r.ctid < '(%d,0)'", scan.Pages.To))
	}
	return limits
}
