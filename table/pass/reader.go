package pass

import (
	"context"
	"fmt"

	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/table"
	"github.com/seed-90096f4d/sluice/view"
)

const (
	// hugeBytes is the size of a huge resource.
	hugeBytes = 256 << 10

	// reportedBytes is how much a reader reads between reports of its progress.
	reportedBytes = 64 << 10

	// workPerCheck is the work after which a reader looks at the time within a resource:
	// 64 rows, or fewer of a large resource.
	workPerCheck = 64

	// rowBytes is the size of a resource whose rows count twice as work.
	rowBytes = 4 << 10
)

// reader makes the rows of all views from the resources of one goroutine.
type reader struct {
	pass      *pass
	ctx       context.Context
	formatter *ndjson.Formatter
	document  []byte        // the current resource in FHIR JSON
	indexed   view.Resource // the same, indexed for all views
	sheets    []*sheet
	unchecked int    // work since the last check
	read      Result // since the last report to tally
}

// sheet is the rows of one view that a reader has not yet written.
type sheet struct {
	output    *output
	evaluator *view.Evaluator
	batch     *table.Batch // nil before the first row
}

// read reads the rows of one reader. It cancels them when ctx ends.
func (p *pass) read(ctx context.Context, rows ndjson.Rows) error {
	stop := context.AfterFunc(ctx, rows.Cancel)
	defer stop()
	if !rows.Next() { // a reader without rows needs no buffers
		return p.explain(rows.Err())
	}
	r := p.newReader(ctx)
	defer func() { p.tally.addLast(&r.read) }()
	for more := true; more && !p.hasEnough(); more = rows.Next() {
		if err := r.row(rows.Row()); err != nil {
			return err
		}
	}
	if err := p.explain(rows.Err()); err != nil {
		return err
	}
	return r.writeAll()
}

// explain returns the error of reading, unless the rows were cancelled because there were
// enough.
func (p *pass) explain(err error) error {
	if err == nil || p.hasEnough() {
		return nil
	}
	return fmt.Errorf("read %s: %w", p.resourceType, err)
}

func (p *pass) newReader(ctx context.Context) *reader {
	r := &reader{pass: p, ctx: ctx, formatter: ndjson.NewFormatter(p.resourceType, p.format, p.tally.issue)}
	for _, o := range p.outputs {
		r.sheets = append(r.sheets, &sheet{output: o, evaluator: r.newEvaluator(o.view)})
	}
	return r
}

func (r *reader) newEvaluator(v *view.View) *view.Evaluator {
	e := v.NewEvaluator()
	e.BaseURL, e.Stop = r.pass.format.Style.AttachmentBaseURL, r.ctx.Err
	return e
}

// row evaluates all views on a row.
func (r *reader) row(row *source.Row) error {
	if !r.formatter.Omits(row) {
		if err := r.resource(row); err != nil {
			return err
		}
	}
	r.read.Resources++
	r.read.StoredBytes += int64(len(row.Resource))
	if r.read.StoredBytes >= reportedBytes {
		r.pass.tally.add(&r.read)
	}
	return nil
}

// resource evaluates all views on a resource.
func (r *reader) resource(row *source.Row) (err error) {
	if len(row.Resource) > hugeBytes {
		select {
		case r.pass.hugeSlot <- struct{}{}:
			defer func() { <-r.pass.hugeSlot }()
		case <-r.ctx.Done():
			return r.stopped()
		}
	}
	if r.document, err = r.formatter.Append(r.document[:0], row); err != nil {
		return r.pass.explain(err)
	}
	r.indexed.Set(r.document)
	for _, s := range r.sheets {
		if err := r.evaluate(s, row.ID); err != nil {
			return err
		}
	}
	if cap(r.document) > maxReused {
		r.letGo()
	}
	return r.writeDue()
}

// evaluate appends the rows of a view. It fails if the reader should stop.
func (r *reader) evaluate(s *sheet, id []byte) error {
	if s.output.isFull() {
		return nil
	}
	s.evaluator.Begin(&r.indexed)
	for r.ctx.Err() == nil && s.evaluator.Next() {
		if !r.pass.reserve(s.output) {
			return nil
		}
		if err := r.append(s, id); err != nil {
			return err
		}
	}
	if r.ctx.Err() != nil {
		return r.stopped()
	}
	return r.failed(s, id, s.evaluator.Err())
}

// append appends the current row of a view.
func (r *reader) append(s *sheet, id []byte) (err error) {
	if s.batch == nil {
		if s.batch, err = s.output.newBatch(); err != nil {
			return err
		}
	}
	if err := s.batch.Append(s.evaluator.Row()); err != nil {
		return r.failed(s, id, err)
	}
	if s.output.isLarge(s.batch) {
		return s.write(false)
	}
	if r.unchecked += 1 + len(r.document)/rowBytes; r.unchecked >= workPerCheck {
		return r.writeDue()
	}
	return nil
}

// failed returns the error of a view on a resource; nil if err is nil.
func (r *reader) failed(s *sheet, id []byte, err error) error {
	if err == nil {
		return nil
	}
	return &ResourceError{ResourceType: r.pass.resourceType, ID: string(id), View: s.output.view.Name, Err: err}
}

// writeDue writes the rows that are due.
func (r *reader) writeDue() error {
	r.unchecked = 0
	for _, s := range r.sheets {
		if s.hasRows() && s.output.isDue() {
			if err := s.write(true); err != nil {
				return err
			}
		}
	}
	return nil
}

// stopped returns the error of the end of ctx; nil if there were enough rows.
func (r *reader) stopped() error { return r.pass.explain(context.Cause(r.ctx)) }

// letGo releases the memory of a huge resource.
func (r *reader) letGo() {
	r.document = nil
	r.indexed.Set(nil)
	for _, s := range r.sheets {
		s.evaluator.Begin(&r.indexed)
	}
}

// writeAll writes all rows.
func (r *reader) writeAll() error {
	for _, s := range r.sheets {
		if s.hasRows() {
			if err := s.write(false); err != nil {
				return err
			}
		}
	}
	return nil
}

// hasRows reports whether there are rows to write.
func (s *sheet) hasRows() bool { return s.batch != nil && s.batch.Len() > 0 }

// write writes the rows.
func (s *sheet) write(flush bool) error { return s.output.write(s.batch, flush) }
