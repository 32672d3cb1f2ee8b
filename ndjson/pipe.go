package ndjson

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-90096f4d/sluice/ndjson/deflate"
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

// pipe carries lines from the goroutines that make them, each with a lane of its
// own, to the one that writes them, in chunks. Its bounds are in bytes.
type pipe struct {
	data    chan struct{} // there may be something to take
	turn    chan struct{} // holds an element while a huge line is on its way
	started atomic.Bool   // there has been a line

	mu        sync.Mutex
	lanes     []*lane
	queue     []chunk
	unwritten int      // bytes in queue, and in the chunk taken last
	free      [][]byte // buffers to fill again
	huge      []byte   // the same for a huge line
	resting   bool     // all that there was has been collected
	closed    bool     // no more lines will come
	complete  bool     // and all have come
}

// chunk is some whole lines.
type chunk struct {
	data []byte

	// huge means that it is one line, too long for a buffer, and the only such
	// one on its way: lanes take turns with them.
	huge bool

	// packed means that data is a piece of a deflate stream that stands for
	// that many bytes of lines, whose checksum is crc.
	packed bool
	lines  int
	crc    uint32
}

func newPipe() *pipe { return &pipe{data: make(chan struct{}, 1), turn: make(chan struct{}, 1)} }

// lane opens one more lane. With a level of gzip other than 0, it compresses its
// chunks once there are several lanes.
func (p *pipe) lane(level int) *lane {
	p.mu.Lock()
	defer p.mu.Unlock()

	l := &lane{pipe: p, room: make(chan struct{}, 1), level: level}
	p.lanes = append(p.lanes, l)
	return l
}

// isShared tells whether there is more than one lane.
func (p *pipe) isShared() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.lanes) > 1
}

// hasRoom tells whether a chunk for a line of this size may be begun.
func (p *pipe) hasRoom(size int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.unwritten == 0 || p.unwritten+size <= queueSize
}

// takeTurn waits until no huge line is on its way, and begins one.
func (p *pipe) takeTurn(ctx context.Context) error {
	select {
	case p.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// start tells whether the line just made is the first of all.
func (p *pipe) start() bool { return !p.started.Load() && p.started.CompareAndSwap(false, true) }

// push puts a chunk into the queue.
func (p *pipe) push(c chunk) {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.queue = append(p.queue, c)
	p.unwritten += len(c.data)
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

// reuse gives back a buffer.
func (p *pipe) reuse(buf []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()

	if cap(buf) <= keepSize {
		p.free = append(p.free, buf[:0])
	}
}

// close says that no more lines will come; complete tells whether the last one
// was the last of the table, or something went wrong. Only the first call counts.
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

// pipeState is what a chunk, or its absence, says of the lines to come.
type pipeState int

const (
	pipeOpen   pipeState = iota // there may be more already
	pipeIdle                    // none came for a moment
	pipeDone                    // none will come
	pipeBroken                  // none will come, though some are missing
)

// take waits for a chunk and returns it, but only for a moment: then it returns
// what there is, if anything. A pipe closed before all lines had come gives up
// what is left in it.
func (p *pipe) take(timer *time.Timer) (c chunk, state pipeState) {
	timer.Reset(lull)
	for {
		if c, state := p.next(); c.data != nil || state != pipeOpen {
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

// collect puts the chunks being filled into the queue, after those that are
// there, and tells whether there was any.
func (p *pipe) collect() (found bool) {
	for _, l := range p.openLanes() {
		found = l.giveUp() || found
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resting = found
	return found
}

func (p *pipe) openLanes() []*lane {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lanes[:len(p.lanes):len(p.lanes)]
}

// recycle gives back a chunk that has been written.
func (p *pipe) recycle(c chunk) {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.unwritten -= len(c.data)
	switch {
	case cap(c.data) <= keepSize:
		p.free = append(p.free, c.data[:0])
	case c.huge && cap(c.data) <= keepHugeSize:
		p.huge = c.data[:0]
	}
	if c.huge {
		<-p.turn
	}
	for _, l := range p.lanes {
		signal(l.room)
	}
}

// signal wakes the other side, or leaves a mark that it need not wait.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
