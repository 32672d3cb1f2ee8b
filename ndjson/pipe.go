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
	// chunkSize is the size of a full chunk: large enough that locks, wake-ups and
	// writes cost little for each row, and small enough for one block of deflate, with
	// a line more.
	chunkSize = deflate.BlockSize - 4*lineSlack

	// queueSize is the maximum size of the chunks that wait to be written, without
	// those being filled. A longer line waits until there are no others.
	queueSize = 3 * chunkSize

	// lineSlack is a bound of how much longer an ordinary line is than its resource as
	// received, so that chunks of ordinary lines do not grow. A few bytes of the stored
	// form can become a longer line: its chunk counts with its capacity, and later lines
	// wait for it. Each producer can make one at the same time, before any is counted.
	lineSlack = 1 << 10

	// keepSize is the maximum size of a buffer of ordinary lines. Longer lines are
	// huge; there is at most one of them in the pipe.
	keepSize = 2 * chunkSize

	// keepHugeSize is the maximum size of a buffer that is kept for the next huge line.
	// A larger one is left to the garbage collector.
	keepHugeSize = 16 << 20

	// lull is how long the writer waits for a full chunk before it collects the chunks
	// being filled.
	lull = 20 * time.Millisecond
)

// pipe is a queue of chunks of lines from the producers to the writer. It is bounded
// in bytes.
type pipe struct {
	data     chan struct{} // signals that there may be a chunk
	hugeSlot chan struct{} // holds an element while a huge line is in the pipe
	started  atomic.Bool   // there was a line

	mu        sync.Mutex
	producers []*producer
	queue     []chunk
	unwritten int      // capacity of the chunks in the queue, and of the one being written
	free      [][]byte // buffers
	huge      []byte   // a buffer for a huge line
	resting   bool     // the chunks being filled have been collected
	closed    bool     // no more lines will come
	complete  bool     // and none is missing
}

// chunk is a number of whole lines, or their compressed form.
type chunk struct {
	lines []byte
	piece gzipmember.Piece

	// huge reports whether the chunk is one line that is too long for a buffer. Only
	// one such chunk is in the pipe at a time.
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

// add adds a producer.
func (p *pipe) add(t *tally, c compression) *producer {
	p.mu.Lock()
	defer p.mu.Unlock()

	added := &producer{pipe: p, tally: t, room: make(chan struct{}, 1), compression: c}
	if c != compressNothing {
		added.compressor = gzipmember.NewCompressor()
	}
	p.producers = append(p.producers, added)
	return added
}

// hasRoom reports whether there is room for a chunk with a line of this size.
func (p *pipe) hasRoom(size int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.unwritten == 0 || p.unwritten+size <= queueSize
}

// awaitHugeSlot waits until the pipe has no huge line and reserves the slot for one.
func (p *pipe) awaitHugeSlot(ctx context.Context) error {
	select {
	case p.hugeSlot <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// isFirst reports whether it is called for the first line of all.
func (p *pipe) isFirst() bool { return !p.started.Load() && p.started.CompareAndSwap(false, true) }

// push appends a chunk to the queue.
func (p *pipe) push(c chunk) {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.queue = append(p.queue, c)
	p.unwritten += cap(c.data())
	signal(p.data)
}

// buffer returns an empty buffer for a line of this size.
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

// close ends the pipe. complete reports whether no line is missing. Only the first
// call has an effect.
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

// take returns the next chunk. It waits for a full chunk up to lull; then it collects
// the chunks being filled, if there are any. If lines are missing, the rest of the
// queue is dropped.
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

// next removes the first chunk of the queue and returns it, if there is one.
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

// recycle returns the buffer of a chunk that was written.
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

// signal wakes the receiver, or makes its next receive return immediately.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
