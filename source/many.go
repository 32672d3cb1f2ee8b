package source

import (
	"context"
	"errors"
	"fmt"
)

// rangesPerShare is how many ranges a reader's share is cut into: so many that
// all readers end at about the same time.
const rangesPerShare = 2

// EachFunc is called once by each reader of a scan and returns what gets its rows.
// ctx ends when any of the readers fails or gives way.
type EachFunc func(ctx context.Context) (fn func(*Row) error)

// ScanMany is Scan by several readers at the same time, each in a goroutine and on
// a connection of its own, all under one snapshot: each row comes exactly once.
// One connection is waited for; the others are taken if there are some at once,
// up to one for each Config.ShareBytes of what is to be read and up to
// Config.Spares by all scans together. Rows that PostgreSQL looks up in an
// index are read by one.
//
// The first error of a reader ends all, and so does a reader that has to give way
// (Scan). ScanMany returns when all have ended.
func (s *Source) ScanMany(ctx context.Context, scan Scan, each EachFunc) error {
	if s.readers(scan.Table) < 2 {
		return s.scan(ctx, scan, each)
	}
	lead, err := s.openLead(ctx, &scan)
	if err != nil {
		return fmt.Errorf("source: read %s in shares: %w", quote(scan.Table.Schema, scan.Table.Name), err)
	}
	defer lead.Close(ctx)

	held := lead.conn.ctx
	if lead.snapshot == "" {
		return lead.stream(held, scan, each(held))
	}
	return lead.conn.explain(s.share(held, lead, scan, each))
}

// readers is how many readers a table is large enough for.
func (s *Source) readers(t Table) int {
	return int(min(int64(cap(s.spares))+1, t.Bytes/s.config.ShareBytes))
}

// lead is the reader that holds the snapshot, and the table as it shows it, for
// the others.
type lead struct {
	*Reader

	snapshot string // "": one reader is enough
}

// maxReplaced is how often in turn a table can be replaced before a scan of it is
// given up.
const maxReplaced = 5

// openLead opens the first reader and brings the scan's table up to date with the
// snapshot. A table that is rewritten just then is looked at once more.
func (s *Source) openLead(ctx context.Context, scan *Scan) (*lead, error) {
	conn, err := s.acquire(ctx)
	if err != nil {
		return nil, err
	}
	l := &lead{Reader: s.newReader(conn)}
	for range maxReplaced {
		if scan.Table, err = l.open(ctx, *scan); !errors.Is(err, ErrRewritten) {
			break
		}
		l.rollback(ctx)
	}
	if err == nil && s.readers(scan.Table) > 1 {
		l.snapshot, err = l.ExportSnapshot(ctx)
	}
	if err != nil {
		l.Close(ctx)
		return nil, err
	}
	return l, nil
}

// open takes a snapshot and returns the table as the scan finds it there.
func (l *lead) open(ctx context.Context, scan Scan) (Table, error) {
	if _, err := l.conn.Exec(ctx, beginSQL); err != nil {
		return scan.Table, err
	}
	if err := pin(ctx, l.conn, false, scan.Table.Schema, scan.Table.Name); err != nil {
		return scan.Table, err
	}
	var err error
	if scan.Table, err = remeasure(ctx, l.conn, scan.Table); err != nil {
		return scan.Table, err
	}
	return narrowTable(ctx, l.conn.pg(), scan)
}

// share reads the ranges of the table by as many readers as there are connections
// for, the lead in this goroutine.
func (s *Source) share(ctx context.Context, lead *lead, scan Scan, each EachFunc) error {
	ranges := PageRanges(scan.Table, s.config.ShareBytes/rangesPerShare)
	queue := make(chan PageRange, len(ranges))
	for _, r := range ranges {
		queue <- r
	}
	close(queue)

	team, ctx := newTeam(ctx)
	opening, enough := context.WithCancel(ctx) // who has no connection by the end needs none
	defer enough()
	for range min(s.readers(scan.Table), len(ranges)) - 1 {
		team.spawn(func() error {
			helper, err := s.openHelper(opening, lead.snapshot)
			if helper == nil || err != nil {
				return nil //nolint:nilerr // the others read what it would have
			}
			defer helper.Close(ctx)
			return helper.streamRanges(ctx, scan, queue, each(ctx))
		})
	}
	team.do(func() error {
		defer enough()
		return lead.streamRanges(ctx, scan, queue, each(ctx))
	})
	return team.wait()
}

// openHelper opens one more reader of the snapshot, if there is a connection.
func (s *Source) openHelper(ctx context.Context, snapshotID string) (*Reader, error) {
	conn, err := s.acquireSpare(ctx)
	if conn == nil || err != nil {
		return nil, err
	}
	r := s.newReader(conn)
	if err := s.openAt(ctx, r, snapshotID); err != nil {
		r.Close(ctx)
		return nil, err
	}
	return r, nil
}

// streamRanges reads ranges until there are none. The lead's lock keeps the table
// as it is, so nobody has to look at it again.
func (r *Reader) streamRanges(ctx context.Context, scan Scan, ranges <-chan PageRange, fn func(*Row) error) error {
	for scan.Pages = range ranges {
		if err := r.stream(ctx, scan, fn); err != nil {
			return err
		}
	}
	return nil
}
