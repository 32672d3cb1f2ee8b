package source

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/sqltext"
)

// Scan says which rows of a table to read.
type Scan struct {
	Table catalog.Table

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
	Pages catalog.PageRange

	// Only selects rows. It is not part of the scan's JSON.
	Only sqltext.Condition `json:"-"`

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
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		rows.cancel(nil)
		return nil, fmt.Errorf("source: %w", err)
	}
	rows.attach(conn, conn.Release)
	return rows, nil
}
