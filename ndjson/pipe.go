package ndjson

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-90096f4d/sluice/ndjson/deflate"
	"github.com/seed-90096f4d/sluice/ndjson/gzipmember"
)

const (
	// chunkSize is what the pipe hands over at once: enough that locks,
	// wake-ups and writes cost next to nothing for each row, and no more than goes
	// into one block of deflate, with a line on top.
	chunkSize = deflate.BlockSize - 4*lineSlack

	// queueSize is how many bytes may wait to be written, besides the chunks
	// that are being filled. A longer line passes all the same, but alone.
	queueSize = 3 * chunkSize

	// lineSlack is more than a line is longer than its stored jsonb text, so
	// that chunks of ordinary lines need not grow.
	lineSlack = 1 << 10

	// keepSize is the largest buffer of ordinary lines. Longer lines are huge; at
	// most one of them is on its way.
	keepSize = 2 * chunkSize

	// keepHugeSize is the largest buffer of a huge line used again for the next: a
	// larger one is rather left to the garbage collector than held to the end.
	keepHugeSize = 16 << 20

	// lull is how long the writer waits for a full chunk before it takes what
	// there is.
	lull = 20 * time.Millisecond
)

// pipe carries lines from the producers, one for each goroutine that makes lines, to
// the goroutine that writes them, in chunks. Its bounds are in bytes.
type pipe struct {
	data     chan struct{} // there may be something to take
	hugeSlot chan struct{} // holds an element while a huge line is in the pipe
	started  atomic.Bool   // there has been a line

	mu        sync.Mutex
	producers []*producer
	queue     []chunk
	unwritten int      // capacity of the chunks in queue, and of the one taken last
	free      [][]byte // buffers to fill again
	huge      []byte   // the same for a huge line
	resting   bool     // all chunks being filled have been collected
	closed    bool     // no more lines will come
	complete  bool     // and all have come
}

// chunk is some whole lines, or the compressed form of them.
type chunk struct {
	lines []byte
	piece gzipmember.Piece

	// huge reports whether it is one line, too long for a buffer. There is only one
	// such chunk in the pipe.
	huge bool
}

// data returns the bytes of the chunk; nil if there is none.
func (c chunk) data() []byte {
	if c.lines != nil {
		return c.lines
	}
	return c.piece.Data
}

func newPipe() *pipe { return &pipe{data: make(chan struct{}, 1), hugeSlot: make(chan struct{}, 1)} }

// producer adds a producer, which compresses its chunks if that is asked for.
func (p *pipe) producer(t *tally, compresses bool) *producer {
	p.mu.Lock()
	defer p.mu.Unlock()

	made := &producer{pipe: p, tally: t, room: make(chan struct{}, 1)}
	if compresses {
		made.compressor = gzipmember.NewCompressor()
	}
	p.producers = append(p.producers, made)
	return made
}

// hasRoom reports whether a chunk for a line of this size may be begun.
func (p *pipe) hasRoom(size int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.unwritten == 0 || p.unwritten+size <= queueSize
}

// awaitHugeSlot waits until there is no huge line in the pipe, and begins one.
func (p *pipe) awaitHugeSlot(ctx context.Context) error {
	select {
	case p.hugeSlot <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// isFirst reports whether the line just made is the first of all.
func (p *pipe) isFirst() bool { return !p.started.Load() && p.started.CompareAndSwap(false, true) }

// push puts a chunk into the queue.
func (p *pipe) push(c chunk) {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.queue = append(p.queue, c)
	p.unwritten += cap(c.data())
	signal(p.data)
}

// buffer is an empty one to fill with a line of this size, and with more if there
// is room.
func (p *pipe) buffer(size int) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()

	if size > keepSize {
		buf := p.huge
		p.huge = nil
		return buf
	}
	if last := len(p.free) - 1; last >= 0 {
		buf := p.free[last]
		p.free = p.free[:last]
		return buf
	}
	return make([]byte, 0, chunkSize+lineSlack)
}

// close ends the pipe; complete reports whether all lines have come. Only the first
// call counts.
func (p *pipe) close(complete bool) {
	if complete {
		p.collect()
	}
	p.mu.Lock()
	defer p.mu.Unlock()

	if p.closed {
		return
	}
	p.closed, p.complete = true, complete
	signal(p.data)
}

// pipeState is the state of a pipe after a chunk was taken.
type pipeState int

const (
	pipeOpen   pipeState = iota // there may be more
	pipeIdle                    // there are no more for the moment
	pipeDone                    // there will be no more
	pipeBroken                  // there will be no more, but some are missing
)

// take returns the next chunk. It waits for a full one, but not longer than lull;
// then it collects the chunks being filled, if there are any. A pipe that was closed
// before all lines had come drops what is left in it.
func (p *pipe) take(timer *time.Timer) (c chunk, state pipeState) {
	timer.Reset(lull)
	for {
		if c, state := p.next(); c.data() != nil || state != pipeOpen {
			return c, state
		}
		select {
		case <-p.data:
		case <-timer.C:
			if !p.collect() {
				return chunk{}, pipeIdle
			}
		}
	}
}

// next takes the next chunk of the queue, if there is one.
func (p *pipe) next() (c chunk, state pipeState) {
	p.mu.Lock()
	defer p.mu.Unlock()

	switch {
	case p.closed && !p.complete:
		return chunk{}, pipeBroken
	case len(p.queue) > 0:
		c = p.queue[0]
		p.queue = append(p.queue[:0], p.queue[1:]...)
		if p.resting && len(p.queue) == 0 {
			p.resting = false
			return c, pipeIdle
		}
		return c, pipeOpen
	case p.closed:
		return chunk{}, pipeDone
	}
	return chunk{}, pipeOpen
}

// collect appends the chunks being filled to the queue and reports whether there
// was one.
func (p *pipe) collect() (found bool) {
	for _, producer := range p.all() {
		found = producer.send() || found
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resting = found
	return found
}

// all returns the producers so far.
func (p *pipe) all() []*producer {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.producers)
}

// recycle takes back a chunk that has been written.
func (p *pipe) recycle(c chunk) {
	p.mu.Lock()
	defer p.mu.Unlock()

	data := c.data()
	p.unwritten -= cap(data)
	switch {
	case cap(data) <= keepSize:
		p.free = append(p.free, data[:0])
	case c.huge && cap(data) <= keepHugeSize:
		p.huge = data[:0]
	}
	if c.huge {
		<-p.hugeSlot
	}
	for _, producer := range p.producers {
		signal(producer.room)
	}
}

// signal wakes the other side, or leaves a mark that it need not wait.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
