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

// Scan reads the rows on a connection of its own, under the statement's own
// snapshot.
//
// A scan that blocks another session for Config.GiveWay ends with ErrInTheWay.
func (s *Source) Scan(ctx context.Context, scan Scan) (*Rows, error) {
	return s.scan(ctx, newRows(ctx, scan, s.limiter))
}

// scan connects the rows of a scan that is not part of a transaction.
func (s *Source) scan(ctx context.Context, rows *Rows) (*Rows, error) {
	conn, err := s.acquire(ctx)
	if err != nil {
		rows.cancel(nil)
		return nil, fmt.Errorf("source: %w", err)
	}
	rows.attach(conn, conn.Release)
	return rows, nil
}

// relation names what is read: one relation only, or the table with all that
// belongs to it.
func (scan Scan) relation() (schema, name string, only bool) {
	if scan.Pages.Name != "" {
		return scan.Pages.Schema, scan.Pages.Name, true
	}
	return scan.Table.Schema, scan.Table.Name, false
}

// query returns the statement of the scan. It has no ORDER BY and no cursor, so
// that the first row comes at once.
func (scan Scan) query() query {
	q, relation, limits := scan.begin()
	q.check = func(fields []pgconn.FieldDescription) error { return checkColumns(scan.Table, fields) }
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
