package source

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/sqltext"
)

// Scan selects the rows of a table to read.
type Scan struct {
	Table catalog.Table

	// CreatedAfter, if set, excludes rows created at that time or before, and rows
	// without a time of creation. In a table without the column cts it applies to the
	// last change, which can include more rows, but never fewer.
	CreatedAfter time.Time

	// ChangedAfter, if set, excludes rows last changed at that time or before, and rows
	// without a time of the last change.
	ChangedAfter time.Time

	// ChangedBefore, if set, excludes rows last changed at that time or later, and rows
	// without a time of the last change.
	ChangedBefore time.Time

	// Pages limits the scan to a range of the table's pages.
	Pages catalog.PageRange

	// Condition selects rows. It is not part of the scan's JSON.
	Condition sqltext.Condition `json:"-"`

	// OmitMembers lists members of the resources that the server omits.
	OmitMembers []string
}

// Scan starts to read the rows on a connection of its own, under the snapshot of the
// statement.
//
// A scan that blocks another session for Config.GiveWay ends with ErrInTheWay.
func (s *Source) Scan(ctx context.Context, scan Scan) (*Rows, error) {
	return s.scan(ctx, newRows(ctx, scan, s.limiter, s.forms))
}

// scan acquires a connection for rows that are not read in a transaction.
func (s *Source) scan(ctx context.Context, rows *Rows) (*Rows, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		rows.cancel(nil)
		return nil, fmt.Errorf("source: %w", err)
	}
	rows.attach(conn, conn.Release)
	return rows, nil
}

// Page returns at most limit rows of the scan in the order of their ids: those
// with an id after the given one, or the first if that is empty. The primary key
// serves it. Otherwise it is as Scan.
func (s *Source) Page(ctx context.Context, scan Scan, after string, limit int) (*Rows, error) {
	if after != "" {
		next := sqltext.New("r.id > {after}", sqltext.Values{"after": sqltext.Arg(after, "text")})
		if !scan.Condition.Where.IsEmpty() {
			next = sqltext.New("({where}) AND {next}", sqltext.Values{"where": scan.Condition.Where, "next": next})
		}
		scan.Condition = sqltext.Condition{Where: next}
	}
	rows := newRows(ctx, scan, s.limiter, s.forms)
	rows.suffix = sqltext.Text(" ORDER BY r.id LIMIT " + strconv.Itoa(limit))
	return s.scan(ctx, rows)
}
