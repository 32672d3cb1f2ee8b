package dump

import (
	"context"
	"fmt"
	"io"

	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source/catalog"
)

// writeStream writes the lines of all tables to a stream, one table after the other. With
// several readers, lines of a table are in the order in which they are read.
func (d *dump) writeStream(ctx context.Context, w io.Writer) error {
	for _, t := range d.tables {
		for _, p := range t.parts {
			if err := d.streamPart(ctx, w, p); err != nil {
				return fmt.Errorf("dump %s: %w", t.scan.Table.Type, err)
			}
		}
	}
	return nil
}

// streamPart writes the lines of a part, whose ranges all readers share.
func (d *dump) streamPart(ctx context.Context, w io.Writer, p *part) error {
	progress := d.Progress.Begin(p.table.scan.Table.Type, p.size)
	queue := make(chan catalog.PageRange, len(p.ranges))
	for _, pages := range p.ranges {
		queue <- pages
	}
	close(queue)
	next := func() (catalog.PageRange, bool) {
		pages, ok := <-queue
		return pages, ok
	}
	readers := make([]*pageRows, max(1, min(len(d.readers), len(p.ranges))))
	for i := range readers {
		readers[i] = newPageRows(ctx, d.readers[i], p.table.scan, next, progress.Add)
		defer readers[i].Close()
	}
	result, err := ndjson.WriteParallel(ctx, w, p.table.scan.Table.Type, readers, d.format())
	p.resources, p.bytes = result.Rows, result.Bytes
	progress.End(err == nil)
	return err
}
