package dump

import (
	"context"

	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
)

// pageRows are the rows of page ranges, which one reader reads one after the other. They
// are ndjson.Rows.
type pageRows struct {
	ctx    context.Context
	cancel context.CancelFunc
	reader *source.Reader
	scan   source.Scan
	next   func() (catalog.PageRange, bool) // the next range
	report func(bytes, resources int64)     // of a range that was read

	rows  *source.Rows // of the current range; nil between ranges
	count int64        // in it
	err   error
}

// newPageRows returns the rows of the ranges of a table that next returns.
func newPageRows(ctx context.Context, reader *source.Reader, scan source.Scan, next func() (catalog.PageRange, bool), report func(bytes, resources int64)) *pageRows {
	r := &pageRows{reader: reader, scan: scan, next: next, report: report}
	r.ctx, r.cancel = context.WithCancel(ctx)
	return r
}

// Next advances to the next row and reports whether there is one.
func (r *pageRows) Next() bool {
	for r.err == nil && (r.rows != nil || r.begin()) {
		if r.rows.Next() {
			r.count++
			return true
		}
		r.err = r.rows.Err()
		r.end()
	}
	return false
}

// begin starts to read the next range, if there is one.
func (r *pageRows) begin() bool {
	pages, ok := r.next()
	if !ok {
		return false
	}
	r.scan.Pages, r.count = pages, 0
	r.rows, r.err = r.reader.Scan(r.ctx, r.scan)
	return r.err == nil
}

// end completes the current range.
func (r *pageRows) end() {
	r.rows.Close()
	r.rows = nil
	if r.err == nil {
		r.report(r.scan.Pages.Bytes, r.count)
	}
}

// Row returns the current row.
func (r *pageRows) Row() *source.Row { return r.rows.Row() }

// Err returns the error that ended the rows, if any.
func (r *pageRows) Err() error { return r.err }

// Cancel makes Next return false soon.
func (r *pageRows) Cancel() { r.cancel() }

// Close ends the rows.
func (r *pageRows) Close() {
	r.cancel()
	if r.rows != nil {
		r.rows.Close()
		r.rows = nil
	}
}
