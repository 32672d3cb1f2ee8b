package load

import (
	"bufio"
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/seed-90096f4d/sluice/fhir"
)

// parser turns the lines of one file into batches of rows.
type parser struct {
	path string
	opts Options
	conv *fhir.Converter
	ids  *identities
	txid int64
	now  time.Time

	// out takes full batches; who receives one gives it to spare when done.
	out   chan<- *batch
	spare *sync.Pool
	// onResource hears of each resource read.
	onResource func()

	pending      map[string]*batch // by resource type
	pendingBytes int
	converted    []byte
	stored       []byte
}

// run reads text to its end, sending batches as they fill up, so that no more
// than about BatchBytes wait here, however many types the file mixes.
func (p *parser) run(ctx context.Context, text *bufio.Reader) error {
	p.pending = make(map[string]*batch)
	lines := lines{text: text, max: p.opts.MaxLine}
	for {
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if errors.Is(err, errTooLong) {
			return &LineError{p.path, lines.number, err}
		}
		if err != nil {
			return err
		}
		if err := p.parse(lines.number, line); err != nil {
			return &LineError{p.path, lines.number, err}
		}
		for p.pendingBytes >= p.opts.BatchBytes {
			if err := p.send(ctx, p.largest()); err != nil {
				return err
			}
		}
	}
	for len(p.pending) > 0 {
		if err := p.send(ctx, p.largest()); err != nil {
			return err
		}
	}
	return nil
}

// parse adds the resource of one line to the batch of its type.
func (p *parser) parse(number int64, line []byte) error {
	doc, err := p.aidbox(line)
	if err != nil {
		return err
	}
	var head header
	p.stored, head, err = strip(limited(p.stored), doc)
	if err != nil {
		return err
	}
	resourceType, id, err := p.ids.check(head)
	if err != nil {
		return err
	}

	r := row{
		id: id, txid: p.txid, changed: p.now, created: p.now,
		resourceType: resourceType, resource: p.stored,
	}
	if p.opts.KeepTimes {
		if r.changed, r.created, err = head.times(p.now); err != nil {
			return err
		}
	}
	p.add(number, r)
	return nil
}

// aidbox gives the line in Aidbox format, valid until the next call.
func (p *parser) aidbox(line []byte) ([]byte, error) {
	if p.opts.Format == Aidbox {
		return line, nil
	}
	var err error
	p.converted, err = p.conv.AppendAidbox(limited(p.converted), line)
	return p.converted, err
}

func (p *parser) add(number int64, r row) {
	b := p.pending[r.resourceType]
	if b == nil {
		b = p.spare.Get().(*batch) //nolint:forcetypeassert // the pool makes nothing else
		b.resourceType = r.resourceType
		p.pending[r.resourceType] = b
	}
	before := len(b.data)
	b.add(number, r)
	p.pendingBytes += len(b.data) - before
	p.onResource()
}

func (p *parser) largest() *batch {
	var largest *batch
	for _, b := range p.pending {
		if largest == nil || len(b.data) > len(largest.data) {
			largest = b
		}
	}
	return largest
}

// send hands a batch over, waiting while the database is busy with the last.
func (p *parser) send(ctx context.Context, b *batch) error {
	delete(p.pending, b.resourceType)
	p.pendingBytes -= len(b.data)
	select {
	case p.out <- b:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// limited empties a buffer, or lets it go when a giant resource has made it
// giant.
func limited(buf []byte) []byte {
	if cap(buf) > keepLine {
		return nil
	}
	return buf[:0]
}
