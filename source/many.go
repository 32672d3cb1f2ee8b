package source

import (
	"context"
	"fmt"
)

// rangesPerShare is how many ranges a reader's share is cut into: so many that
// all readers end at about the same time.
const rangesPerShare = 2

// EachFunc is called once by each reader of a scan and returns what gets its rows.
// ctx ends when any of the readers fails.
type EachFunc func(ctx context.Context) (fn func(*Row) error)

// ScanMany is Scan by several readers at the same time, each in a goroutine and on
// a connection of its own, all under one snapshot: each row comes exactly once.
// One connection is waited for; the others are taken if there are some at once,
// up to one for each Config.ShareBytes of the table and up to Config.Spares by
// all scans together. With CreatedAfter or ChangedAfter, and an index that
// answers that, there is one reader.
//
// The first error of a reader ends all. ScanMany returns when all have ended.
func (s *Source) ScanMany(ctx context.Context, scan Scan, each EachFunc) error {
	if s.readers(scan.Table) < 2 {
		return s.Scan(ctx, scan, each(ctx))
	}
	lead, err := s.openLead(ctx, &scan)
	if err != nil {
		return fmt.Errorf("source: read %s in shares: %w", quote(scan.Table.Schema, scan.Table.Name), err)
	}
	defer lead.Close(ctx)

	if lead.snapshot == "" {
		return lead.Scan(ctx, scan, each(ctx))
	}
	return s.share(ctx, lead, scan, each)
}

// readers is how many readers a table is large enough for.
func (s *Source) readers(t Table) int {
	return int(min(int64(cap(s.spares))+1, t.Bytes/s.config.ShareBytes))
}

// lead is the reader that holds the snapshot for the others.
type lead struct {
	*Reader

	snapshot string // "": one reader is enough
}

// openLead opens the first reader and brings the scan's table up to date with the
// snapshot. The lock comes before the snapshot: whoever empties the table has
// done so for all readers or for none.
func (s *Source) openLead(ctx context.Context, scan *Scan) (*lead, error) {
	conn, err := s.acquire(ctx)
	if err != nil {
		return nil, err
	}
	l := &lead{Reader: &Reader{conn: conn, pace: s.pace}}
	if err := l.open(ctx, scan); err != nil {
		l.Close(ctx)
		return nil, err
	}
	return l, nil
}

func (l *lead) open(ctx context.Context, scan *Scan) error {
	relation := quote(scan.Table.Schema, scan.Table.Name)
	if _, err := l.conn.Exec(ctx, beginSQL+"; LOCK TABLE "+relation+" IN ACCESS SHARE MODE"); err != nil {
		return err
	}
	if indexed, err := l.indexed(ctx, *scan); err != nil || indexed {
		return err
	}
	tables, err := listTables(ctx, l.conn, scan.Table.Schema, []string{scan.Table.Type})
	if err != nil || len(tables) != 1 {
		return err
	}
	scan.Table = tables[0]
	l.snapshot, err = l.Share(ctx)
	return err
}

// indexedSQL tells whether an index of the table $1 begins with the column $2.
const indexedSQL = `
SELECT EXISTS (
	SELECT FROM pg_index AS i
	JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
	WHERE i.indrelid = to_regclass($1) AND i.indisvalid AND a.attname = $2
)`

// indexed tells whether PostgreSQL finds the rows of the scan by an index.
func (l *lead) indexed(ctx context.Context, scan Scan) (indexed bool, err error) {
	column := scan.boundColumn()
	if column == "" {
		return false, nil
	}
	err = l.conn.QueryRow(ctx, indexedSQL, quote(scan.Table.Schema, scan.Table.Name), column).Scan(&indexed)
	return indexed, err
}

// share reads the ranges of the table by as many readers as there are connections
// for, the lead in this goroutine.
func (s *Source) share(ctx context.Context, lead *lead, scan Scan, each EachFunc) error {
	ranges := Plan(scan.Table, s.config.ShareBytes/rangesPerShare)
	queue := make(chan BlockRange, len(ranges))
	for _, r := range ranges {
		queue <- r
	}
	close(queue)

	team, ctx := newTeam(ctx)
	opening, enough := context.WithCancel(ctx) // who has no connection by the end needs none
	for range s.readers(scan.Table) - 1 {
		team.spawn(func() error {
			helper, err := s.openHelper(opening, lead.snapshot)
			if helper == nil || err != nil {
				return nil //nolint:nilerr // the others read what it would have
			}
			defer helper.Close(ctx)
			return helper.scanRanges(ctx, scan, queue, each(ctx))
		})
	}
	team.do(func() error {
		defer enough()
		return lead.scanRanges(ctx, scan, queue, each(ctx))
	})
	return team.wait()
}

// openHelper opens one more reader of the snapshot, if there is a connection.
func (s *Source) openHelper(ctx context.Context, snapshotID string) (*Reader, error) {
	conn, err := s.acquireSpare(ctx)
	if conn == nil || err != nil {
		return nil, err
	}
	r := &Reader{conn: conn, pace: s.pace}
	if err := importSnapshot(ctx, conn.pg(), snapshotID); err != nil {
		r.Close(ctx)
		return nil, err
	}
	return r, nil
}

// scanRanges reads ranges until there are none.
func (r *Reader) scanRanges(ctx context.Context, scan Scan, ranges <-chan BlockRange, fn func(*Row) error) error {
	for scan.Blocks = range ranges {
		if err := r.Scan(ctx, scan, fn); err != nil {
			return err
		}
	}
	return nil
}
