package ndjson

import (
	"context"
	"hash/crc32"
	"slices"
	"sync"
)

// lane is the side of the pipe that one goroutine puts lines into.
//
// A line is appended under the lane's lock, so that the writer can take the
// chunk being filled while the lane waits for the database.
type lane struct {
	pipe  *pipe
	room  chan struct{} // there may be space again
	level int           // of gzip; 0 means that chunks go as they are
	pack  deflater      // made when it is needed

	mu      sync.Mutex
	filling []byte
}

// put lets format append a line to the chunk being filled and returns the
// line's length. size is about how long the line will be. It waits for room
// until ctx is done; the error is then the cause of that.
func (l *lane) put(ctx context.Context, size int, format func(dst []byte) []byte) (int, error) {
	huge := size > keepSize
	if full, fits := l.makeWay(size); !fits {
		if err := l.deliver(full, false); err != nil {
			return 0, err
		}
		if err := l.await(ctx, size); err != nil {
			return 0, err
		}
	}
	if huge {
		if err := l.pipe.takeTurn(ctx); err != nil {
			return 0, err
		}
	}
	n, full := l.add(size, format)
	return n, l.deliver(full, huge)
}

// makeWay tells whether a line of this size goes into the chunk being filled,
// and takes the chunk out if not.
func (l *lane) makeWay(size int) (full []byte, fits bool) {
	l.mu.Lock()
	defer l.mu.Unlock()

	if l.filling != nil && len(l.filling)+size+lineSlack <= cap(l.filling) {
		return nil, true
	}
	return l.takeLocked(), false
}

// await waits until a chunk for a line of this size may be begun.
func (l *lane) await(ctx context.Context, size int) error {
	for !l.pipe.hasRoom(size) {
		select {
		case <-l.room:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// add appends the line, and takes the chunk out if it is to go.
func (l *lane) add(size int, format func(dst []byte) []byte) (n int, full []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()

	if l.filling == nil {
		l.filling = l.pipe.buffer(size)
	}
	before := len(l.filling)
	l.filling = format(slices.Grow(l.filling, size+lineSlack))
	n = len(l.filling) - before
	if l.pipe.start() || size > keepSize || len(l.filling) >= chunkSize {
		full = l.takeLocked()
	}
	return n, full
}

// giveUp hands over the chunk being filled, if any, for others to compress. That
// is one step with taking it, or lines that come after could overtake.
func (l *lane) giveUp() bool {
	l.mu.Lock()
	defer l.mu.Unlock()

	lines := l.takeLocked()
	if len(lines) == 0 {
		return false
	}
	l.pipe.push(chunk{data: lines})
	return true
}

func (l *lane) takeLocked() []byte {
	lines := l.filling
	l.filling = nil
	return lines
}

// deliver hands a chunk over to the writer. Where there are several lanes, each
// compresses its own chunks, so that they do it side by side; but a huge line is
// left to the writer, who need not hold what becomes of it.
func (l *lane) deliver(lines []byte, huge bool) error {
	if len(lines) == 0 {
		return nil
	}
	if l.level == 0 || huge || !l.pipe.isShared() {
		l.pipe.push(chunk{data: lines, huge: huge})
		return nil
	}
	packed, err := l.deflate(lines)
	if err != nil {
		return err
	}
	l.pipe.push(chunk{data: packed, packed: true, lines: len(lines), crc: crc32.ChecksumIEEE(lines)})
	l.pipe.reuse(lines)
	return nil
}

// deflate compresses lines into a piece of a deflate stream that needs nothing of
// what is before it and ends on a byte, so that pieces can follow each other.
func (l *lane) deflate(lines []byte) (piece []byte, err error) {
	if l.pack == nil {
		if l.pack, err = newDeflater(l.level); err != nil {
			return nil, err
		}
	}
	l.pack.reset()
	if piece, err = l.pack.add(l.pipe.buffer(chunkSize), lines); err != nil {
		return nil, err
	}
	return l.pack.flush(piece)
}
