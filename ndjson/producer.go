package ndjson

import (
	"context"
	"slices"
	"sync"

	"github.com/seed-90096f4d/sluice/ndjson/gzipmember"
)

// producer is the side of the pipe into which one goroutine puts lines. It also
// counts them.
//
// A line is appended under the producer's lock, so that the writer can take the
// chunk being filled while the goroutine waits for the database.
type producer struct {
	pipe       *pipe
	tally      *tally
	made       Result                 // since the last report to tally
	room       chan struct{}          // there may be space again
	compressor *gzipmember.Compressor // nil: chunks are not compressed

	mu      sync.Mutex
	filling []byte
}

// line makes one line of about this size, out of that many stored bytes.
func (p *producer) line(ctx context.Context, size, stored int, format func(dst []byte) []byte) error {
	if _, err := p.header(ctx, size, format); err != nil {
		return err
	}
	p.made.Rows++
	p.skip(stored)
	return nil
}

// header makes a line that does not count as a row, and returns its length.
func (p *producer) header(ctx context.Context, size int, format func(dst []byte) []byte) (int, error) {
	n, err := p.put(ctx, size, format)
	p.made.PlainBytes += int64(n)
	return n, err
}

// skip counts the stored bytes of a row that has no further line.
func (p *producer) skip(stored int) {
	p.made.StoredBytes += int64(stored)
	if p.made.StoredBytes >= chunkSize {
		p.tally.report(p)
	}
}

// put appends the line that format makes to the chunk being filled and returns its
// length. size is about how long the line will be. put waits for room until ctx is
// done; the error is then the cause of that.
func (p *producer) put(ctx context.Context, size int, format func(dst []byte) []byte) (int, error) {
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
	return p.add(size, format), nil
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

// await waits until a chunk for a line of this size may be begun.
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
func (p *producer) add(size int, format func(dst []byte) []byte) int {
	p.mu.Lock()
	defer p.mu.Unlock()

	if p.filling == nil {
		p.filling = p.pipe.buffer(size)
	}
	before := len(p.filling)
	p.filling = format(slices.Grow(p.filling, size+lineSlack))
	n := len(p.filling) - before
	if huge := size > keepSize; p.pipe.isFirst() || huge || len(p.filling) >= chunkSize {
		p.sendLocked(huge)
	}
	return n
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
	if p.compressor == nil {
		p.pipe.push(chunk{lines: lines, huge: huge})
		return true
	}
	p.compressor.Reset() // chunks of other producers may come before this one
	p.pipe.push(chunk{piece: p.compressor.Replace(lines), huge: huge})
	return true
}
