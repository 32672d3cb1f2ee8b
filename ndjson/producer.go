package ndjson

import (
	"context"
	"slices"
	"sync"

	"github.com/seed-90096f4d/sluice/ndjson/gzipmember"
	"github.com/seed-90096f4d/sluice/source"
)

// compression is how a producer compresses its chunks.
type compression int

const (
	compressNothing     compression = iota
	compressStream                  // each with the window of the one before: there is only one producer
	compressIndependent             // each by itself: chunks of other producers may come between
)

// compression returns how so many producers of one output compress.
func (o Options) compression(producers int) compression {
	switch {
	case !o.Gzip:
		return compressNothing
	case producers == 1:
		return compressStream
	}
	return compressIndependent
}

// producer appends the lines of one goroutine to chunks, compresses full chunks and
// sends them to the writer. It also counts.
//
// A line is appended under the producer's lock, so that the writer can collect the
// chunk being filled while the goroutine waits for the database.
type producer struct {
	pipe        *pipe
	tally       *tally
	made        Result        // since the last report to tally
	room        chan struct{} // signals that the pipe may have room
	compression compression
	compressor  *gzipmember.Compressor // nil if there is no compression

	mu      sync.Mutex
	filling []byte
}

// row writes the line of a row and returns its length, which is 0 if the formatter
// omits the row.
func (p *producer) row(ctx context.Context, f *Formatter, row *source.Row) (n int, err error) {
	stored := len(row.Resource)
	if !f.Omits(row) {
		n, err = p.line(ctx, stored, func(dst []byte) ([]byte, error) {
			dst, err := f.Append(dst, row)
			return append(dst, '\n'), err
		})
		if err != nil {
			return n, err
		}
	}
	p.made.StoredBytes += int64(stored)
	if p.made.StoredBytes >= chunkSize {
		p.tally.report(p)
	}
	return n, nil
}

// formatFunc appends a line. After an error, dst is undefined beyond its length.
type formatFunc func(dst []byte) ([]byte, error)

// line writes the line that format appends and returns its length. size is the
// approximate length.
func (p *producer) line(ctx context.Context, size int, format formatFunc) (int, error) {
	n, err := p.header(ctx, size, format)
	if err == nil {
		p.made.Rows++
	}
	return n, err
}

// header is line for a line that does not count as a row.
func (p *producer) header(ctx context.Context, size int, format formatFunc) (int, error) {
	n, err := p.put(ctx, size, format)
	p.made.PlainBytes += int64(n)
	return n, err
}

// put appends a line to the chunk being filled and returns its length. size is the
// approximate length. put waits for room until ctx is done and then returns its cause.
func (p *producer) put(ctx context.Context, size int, format formatFunc) (int, error) {
	if !p.makeRoom(size) {
		if err := p.await(ctx, size); err != nil {
			return 0, err
		}
	}
	if size > keepSize {
		if err := p.pipe.awaitHugeSlot(ctx); err != nil {
			return 0, err
		}
	}
	return p.add(size, format)
}

// makeRoom reports whether a line of this size fits into the chunk being filled. If
// not, it sends the chunk.
func (p *producer) makeRoom(size int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()

	if p.filling != nil && len(p.filling)+size+lineSlack <= cap(p.filling) {
		return true
	}
	p.sendLocked(false)
	return false
}

// await waits until the pipe has room for a line of this size.
func (p *producer) await(ctx context.Context, size int) error {
	for !p.pipe.hasRoom(size) {
		select {
		case <-p.room:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// add appends the line and returns its length.
func (p *producer) add(size int, format formatFunc) (n int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()

	if p.filling == nil {
		p.filling = p.pipe.buffer(size)
	}
	lines, err := format(slices.Grow(p.filling, size+lineSlack))
	if err != nil {
		return 0, err
	}
	n = len(lines) - len(p.filling)
	p.filling = lines
	if huge := size > keepSize; p.pipe.isFirst() || huge || len(lines) >= chunkSize {
		p.sendLocked(huge)
	}
	return n, nil
}

// send sends the chunk being filled and reports whether there was one.
func (p *producer) send() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sendLocked(false)
}

// sendLocked sends the chunk being filled to the writer. Under the lock, no later
// chunk can overtake it.
func (p *producer) sendLocked(huge bool) bool {
	lines := p.filling
	p.filling = nil
	if len(lines) == 0 {
		return false
	}
	if p.compression == compressNothing {
		p.pipe.push(chunk{lines: lines, huge: huge})
		return true
	}
	if p.compression == compressIndependent {
		p.compressor.Reset()
	}
	p.pipe.push(chunk{piece: p.compressor.Replace(lines), huge: huge})
	return true
}
