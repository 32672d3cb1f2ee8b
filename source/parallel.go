package source

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/seed-90096f4d/sluice/source/catalog"
)

// rangesPerReader is the number of page ranges for each reader, so that all readers end
// at about the same time.
const rangesPerReader = 2

// ParallelScan is a scan of one table by several readers under one snapshot. It
// must be closed.
type ParallelScan struct {
	source *Source
	ctx    context.Context // of the caller
	rows   []*Rows

	// If the table is large, the first reader is the lead. It holds the snapshot and a
	// lock on the table, so that the others need not check the table.
	lead        *Reader
	snapshot    string
	opening     context.Context // ends when no more readers are needed
	stopOpening context.CancelFunc
}

// ParallelScan starts to read the rows with several readers under one snapshot, each on
// a connection of its own: together they return each row once. It waits for the first
// connection. The others are opened by the first Next of their Rows, which are empty if
// no connection is available at that moment. The number of readers is limited by
// Config.BytesPerReader and Config.Spares; if PostgreSQL uses an index, there is only one.
//
// If one reader fails, the consumer should cancel the others.
func (s *Source) ParallelScan(ctx context.Context, scan Scan) (*ParallelScan, error) {
	p := &ParallelScan{source: s, ctx: ctx}
	if s.readers(scan.Table) < 2 {
		rows, err := s.Scan(ctx, scan)
		if err != nil {
			return nil, err
		}
		p.rows = []*Rows{rows}
		return p, nil
	}
	if err := p.openLead(ctx, &scan); err != nil {
		return nil, fmt.Errorf("source: read %s in parallel: %w", catalog.Quote(scan.Table.Schema, scan.Table.Name), err)
	}
	p.addReaders(scan)
	return p, nil
}

// readers returns how many readers a table is large enough for.
func (s *Source) readers(t catalog.Table) int {
	return int(min(int64(s.pool.Spares())+1, t.Bytes/s.config.BytesPerReader))
}

// Rows returns the rows of each reader.
func (p *ParallelScan) Rows() []*Rows { return p.rows }

// Context returns the context of the scan (Rows.Context).
func (p *ParallelScan) Context() context.Context { return p.rows[0].ctx }

// Close ends the scan. No reader may be in Next.
func (p *ParallelScan) Close() {
	var closing sync.WaitGroup // each may wait for the server
	for _, rows := range p.rows {
		closing.Go(rows.Close)
	}
	closing.Wait()
	if p.lead != nil {
		p.lead.Close(p.ctx)
	}
}

// maxReplaced bounds how often in turn a table can be replaced before a scan of it
// fails.
const maxReplaced = 5

// openLead opens the first reader and updates the scan's table to the state of the
// snapshot. It retries if the table is rewritten meanwhile.
func (p *ParallelScan) openLead(ctx context.Context, scan *Scan) error {
	conn, err := p.source.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	lead := p.source.newReader(conn)
	for range maxReplaced {
		if scan.Table, err = lead.open(ctx, *scan); !errors.Is(err, catalog.ErrRewritten) {
			break
		}
		lead.rollback(ctx)
	}
	if err == nil && p.source.readers(scan.Table) > 1 {
		p.snapshot, err = lead.ExportSnapshot(ctx)
	}
	if err != nil {
		lead.Close(ctx)
		return snapshotError(err)
	}
	p.lead = lead
	return nil
}

// open takes a snapshot and returns the table as the scan finds it there.
func (r *Reader) open(ctx context.Context, scan Scan) (catalog.Table, error) {
	if _, err := r.conn.Exec(ctx, beginSQL); err != nil {
		return scan.Table, err
	}
	if err := catalog.LockAndVerify(ctx, r.conn, false, scan.Table.Schema, scan.Table.Name); err != nil {
		return scan.Table, err
	}
	var err error
	if scan.Table, err = catalog.Measure(ctx, r.conn, scan.Table); err != nil {
		return scan.Table, err
	}
	return planIndexes(ctx, r.conn.PgConn(), scan)
}

// addReaders makes the Rows of all readers, which take the ranges of the table from one
// queue. One reader without a snapshot to share reads the table as a whole.
func (p *ParallelScan) addReaders(scan Scan) {
	first := newRows(p.ctx, scan, p.source.limiter, p.source.forms)
	first.attach(p.lead.conn, nil)
	p.rows = []*Rows{first}
	if p.snapshot == "" {
		return
	}
	ranges := catalog.PageRanges(scan.Table, p.source.config.BytesPerReader/rangesPerReader)
	queue := make(chan catalog.PageRange, len(ranges))
	for _, r := range ranges {
		queue <- r
	}
	close(queue)
	first.ranges, first.parallel = queue, p
	p.opening, p.stopOpening = context.WithCancel(first.ctx)
	for range min(p.source.readers(scan.Table), len(ranges)) - 1 {
		p.rows = append(p.rows, &Rows{ctx: first.ctx, cancel: first.cancel, scan: scan, ranges: queue, limiter: first.limiter, forms: first.forms, parallel: p})
	}
}

// join opens one more reader of the snapshot and reports whether there was a
// connection for it. Otherwise the others read what it would have.
func (p *ParallelScan) join(rows *Rows) bool {
	conn, err := p.source.pool.AcquireSpare(p.opening)
	if conn == nil || err != nil {
		return false
	}
	reader := p.source.newReader(conn)
	if err := p.source.openAt(p.opening, reader, p.snapshot); err != nil {
		reader.Close(p.ctx)
		return false
	}
	rows.attach(conn, func() { reader.Close(p.ctx) })
	return true
}
