package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"github.com/seed-90096f4d/sluice/fhir"
)

// parser converts the lines of a file into batches of rows.
type parser struct {
	path     string
	opts     Options
	conv     *fhir.Converter
	now      time.Time
	out      chan<- *batch // receives full batches
	progress *Progress

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
func (p *parser) parse(line int64, text []byte) error {
	doc, err := p.aidbox(text)
	if err != nil {
		return err
	}
	var head header
	p.stored, head, err = strip(reusable(p.stored), doc)
	if err != nil {
		return err
	}
	if err := checkHeader(head); err != nil {
		return err
	}
	r := row{line, string(head.id), p.now, p.now, bytes.Clone(p.stored)}
	if p.opts.KeepTimes {
		if r.changed, r.created, err = head.times(p.now); err != nil {
			return err
		}
	}
	b := p.pending[string(head.resourceType)]
	if b == nil {
		b = &batch{resourceType: string(head.resourceType)}
		p.pending[b.resourceType] = b
	}
	before := b.bytes
	b.add(r)
	p.pendingBytes += b.bytes - before
	p.progress.Resources++
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

func (p *parser) largest() *batch {
	var largest *batch
	for _, b := range p.pending {
		if largest == nil || b.bytes > largest.bytes {
			largest = b
		}
	}
	return largest
}

// send sends a batch. It blocks while the previous one is being written.
func (p *parser) send(ctx context.Context, b *batch) error {
	delete(p.pending, b.resourceType)
	p.pendingBytes -= b.bytes
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
