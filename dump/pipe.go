package dump

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// chunkSize is what the pipe hands over at once: enough that locks,
	// wake-ups and writes cost next to nothing for each row.
	chunkSize = 256 << 10

	// queueSize is how many bytes may wait to be written, besides the chunk that
	// is being filled. A longer line passes all the same, but alone.
	queueSize = 3 * chunkSize

	// lineSlack is more than a line is longer than its stored jsonb text, so
	// that chunks of ordinary lines need not grow.
	lineSlack = 1 << 10

	// keepSize is the largest buffer used again; one grown by a huge line is
	// left to the garbage collector.
	keepSize = 2 * chunkSize

	// lull is how long the writer waits for a full chunk before it takes what
	// there is.
	lull = 20 * time.Millisecond
)

// pipe carries lines from the goroutine that makes them to the one that writes
// them, in chunks. Its bounds are in bytes.
//
// A line is appended under the lock, so that the writer can take the chunk
// being filled while the other side waits for the database.
type pipe struct {
	data chan struct{} // there may be something to take
	room chan struct{} // there may be space again

	mu        sync.Mutex
	filling   []byte
	queue     [][]byte // full chunks
	unwritten int      // bytes in queue, and in the chunk taken last
	free      [][]byte // buffers to fill again
	started   bool     // the first line has been handed over
	closed    bool     // no more lines will come
	complete  bool     // and all have come
}

func newPipe() *pipe {
	return &pipe{data: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// put lets format append a line to the chunk being filled and returns the
// line's length. size is about how long the line will be. It waits for room
// until ctx is done; the error is then the cause of that.
func (p *pipe) put(ctx context.Context, size int, format func(dst []byte) []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()

	if len(p.filling) > 0 && len(p.filling)+size+lineSlack > cap(p.filling) {
		p.handOver()
	}
	for p.unwritten > 0 && p.unwritten+size > queueSize {
		if err := p.await(ctx); err != nil {
			return 0, err
		}
	}
	if p.filling == nil {
		p.filling = p.buffer()
	}

	before := len(p.filling)
	p.filling = format(slices.Grow(p.filling, size+lineSlack))
	n := len(p.filling) - before
	if !p.started || len(p.filling) >= chunkSize {
		p.started = true
		p.handOver()
	}
	return n, nil
}

// await gives up the lock until there may be room.
func (p *pipe) await(ctx context.Context) error {
	p.mu.Unlock()
	defer p.mu.Lock()

	select {
	case <-p.room:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// handOver puts the chunk being filled into the queue.
func (p *pipe) handOver() {
	p.queue = append(p.queue, p.filling)
	p.unwritten += len(p.filling)
	p.filling = nil
	signal(p.data)
}

func (p *pipe) buffer() []byte {
	if last := len(p.free) - 1; last >= 0 {
		buf := p.free[last]
		p.free = p.free[:last]
		return buf
	}
	return make([]byte, 0, chunkSize+lineSlack)
}

// close says that no more lines will come; complete tells whether the last one
// was the last of the table, or something went wrong.
func (p *pipe) close(complete bool) {
	p.mu.Lock()
	defer p.mu.Unlock()

	if complete && len(p.filling) > 0 {
		p.handOver()
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
func (p *pipe) take(timer *time.Timer) (chunk []byte, state pipeState) {
	timer.Reset(lull)
	for {
		if chunk, state := p.takeFull(); chunk != nil || state != pipeOpen {
			return chunk, state
		}
		select {
		case <-p.data:
		case <-timer.C:
			return p.takeFilling(), pipeIdle
		}
	}
}

// takeFull takes the next chunk that nothing will be added to, if there is one.
func (p *pipe) takeFull() (chunk []byte, state pipeState) {
	p.mu.Lock()
	defer p.mu.Unlock()

	switch {
	case p.closed && !p.complete:
		return nil, pipeBroken
	case len(p.queue) > 0:
		chunk = p.queue[0]
		p.queue = append(p.queue[:0], p.queue[1:]...)
		return chunk, pipeOpen
	case p.closed:
		return nil, pipeDone
	}
	return nil, pipeOpen
}

// takeFilling takes the chunk being filled, unless a full one has come just
// now.
func (p *pipe) takeFilling() (chunk []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()

	if len(p.queue) > 0 || p.closed {
		return nil
	}
	chunk, p.filling = p.filling, nil
	p.unwritten += len(chunk)
	return chunk
}

// recycle gives back a chunk that has been written.
func (p *pipe) recycle(chunk []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.unwritten -= len(chunk)
	if cap(chunk) <= keepSize {
		p.free = append(p.free, chunk[:0])
	}
	signal(p.room)
}

// signal wakes the other side, or leaves a mark that it need not wait.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
