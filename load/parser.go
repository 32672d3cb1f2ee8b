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

// parser converts the lines of a file into batches of rows.
type parser struct {
	path string
	opts Options
	conv *fhir.Converter
	ids  *identities
	txid int64
	now  time.Time

	// out receives full batches; the receiver returns them to spare.
	out   chan<- *batch
	spare *sync.Pool
	// onResource is called for each resource read.
	onResource func()

	pending      map[string]*batch // by resource type
	pendingBytes int
	converted    []byte
	stored       []byte
}

// run reads text to its end and sends batches, so that about BatchBytes are pending at
// most, however many types the file contains.
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
	p.stored, head, err = strip(reusable(p.stored), doc)
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

// aidbox returns the line in Aidbox format. It is valid until the next call.
func (p *parser) aidbox(line []byte) ([]byte, error) {
	if p.opts.Format == Aidbox {
		return line, nil
	}
	var err error
	p.converted, err = p.conv.AppendAidbox(reusable(p.converted), line)
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

// send sends a batch. It blocks while the previous one is being written.
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

// reusable returns an empty buffer for the next line, or nil if the buffer has become
// too large.
func reusable(buf []byte) []byte {
	if cap(buf) > maxReused {
		return nil
	}
	return buf[:0]
}
