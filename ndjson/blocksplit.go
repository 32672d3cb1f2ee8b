package ndjson

import (
	"bytes"
	"crypto/sha256"
	"sync"
)

// heldSize is how much of a block is held back until its end is there: a block
// of no more is cut only if it is larger than a file may be. Of a larger one it is
// guessed from what it takes on disk.
const heldSize = 4 << 20

// inflation is how many times as long as on disk the lines of a block may be,
// where they are compressed there.
const inflation = 4

// beginning is where a block begins in the stream of lines, and what its rows take
// on disk.
type beginning struct{ at, size int64 }

// beginnings tells the side that writes where blocks begin. A beginning is there
// before the bytes that follow it.
type beginnings struct {
	mu   sync.Mutex
	list []beginning
}

func (b *beginnings) add(one beginning) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.list = append(b.list, one)
}

// first returns the next beginning, if one is known.
func (b *beginnings) first() (next beginning, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.list) == 0 {
		return next, false
	}
	return b.list[0], true
}

// drop forgets the first.
func (b *beginnings) drop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.list = append(b.list[:0], b.list[1:]...)
}

// blockSplitter is a target of several files that hold blocks.
type blockSplitter struct {
	files  *splitter
	begins *beginnings
	at     int64 // bytes that came

	header []byte // of the block at hand
	size   int64  // of it on disk; 0 if that is not known
	begun  bool   // some of its lines are in a file
	headed bool   // so is its header, in the file being written

	holding bool
	held    []byte // lines of the block, none of which is in a file
}

func newBlockSplitter(next NextFunc, begins *beginnings, opts Options) *blockSplitter {
	return &blockSplitter{files: newSplitter(next, opts), begins: begins}
}

func (s *blockSplitter) write(c chunk) error {
	for lines := c.lines; len(lines) > 0; {
		next, ok := s.begins.first()
		if ok && next.at == s.at {
			end := bytes.IndexByte(lines, '\n') + 1
			if err := s.beginBlock(lines[:end], next.size); err != nil {
				return err
			}
			s.begins.drop()
			s.at += int64(end)
			lines = lines[end:]
			continue
		}
		n := len(lines)
		if ok {
			n = int(min(int64(n), next.at-s.at))
		}
		if err := s.take(lines[:n]); err != nil {
			return err
		}
		s.at += int64(n)
		lines = lines[n:]
	}
	return nil
}

// beginBlock ends the block at hand and begins another.
func (s *blockSplitter) beginBlock(header []byte, size int64) error {
	if err := s.endBlock(); err != nil {
		return err
	}
	s.header, s.size = append(s.header[:0], header...), size
	s.begun, s.headed, s.holding = false, false, true
	return nil
}

// endBlock writes what is held back of the block, into a file that has room for
// all of it. A block without a line has no header either.
func (s *blockSplitter) endBlock() error {
	if !s.holding || len(s.held) == 0 {
		return nil
	}
	return s.release(0)
}

// take takes lines of the block.
func (s *blockSplitter) take(lines []byte) error {
	if s.holding && len(s.held)+len(lines) <= heldSize {
		s.held = append(s.held, lines...)
		return nil
	}
	if s.holding {
		if err := s.release(s.remaining(len(lines))); err != nil {
			return err
		}
	}
	return s.put(lines)
}

// remaining guesses how much more of the block there is than is held back. One of
// a size that is not known gets a file of its own, where files have a bound.
func (s *blockSplitter) remaining(known int) int64 {
	if s.size == 0 && s.files.opts.MaxFileBytes > 0 {
		return s.files.limit
	}
	return max(s.size*inflation-int64(len(s.held)), int64(known))
}

// release writes what is held back, into a file that has room for it and that
// much more.
func (s *blockSplitter) release(more int64) error {
	s.holding = false
	room := s.files.limit - s.files.file.PlainBytes - int64(len(s.header)+len(s.held))
	if s.files.file.PlainBytes > 0 && more > room {
		if err := s.files.begin(); err != nil {
			return err
		}
	}
	held := s.held
	s.held = s.held[:0]
	return s.put(held)
}

// put writes lines of the block into the file, and what it has no room for into
// further ones. A line that is longer than a file may be is alone with its
// header.
func (s *blockSplitter) put(lines []byte) error {
	for len(lines) > 0 {
		n := s.fitting(lines)
		if s.files.sink == nil || n == 0 {
			s.files.file.Continues = s.begun
			if err := s.files.begin(); err != nil {
				return err
			}
			s.headed = false
			continue
		}
		if !s.headed {
			if err := s.files.putHeader(s.header); err != nil {
				return err
			}
		}
		if err := s.files.put(lines[:n]); err != nil {
			return err
		}
		s.begun, s.headed = true, true
		lines = lines[n:]
	}
	return nil
}

// fitting is how many bytes of lines the file has room for, with the header if
// that is not there yet; one line at the least in a file that has none.
func (s *blockSplitter) fitting(lines []byte) int {
	room := s.files.limit - s.files.file.PlainBytes
	if !s.headed {
		room -= int64(len(s.header))
	}
	if n := whole(lines, room); n > 0 || s.files.file.Rows > 0 {
		return n
	}
	return bytes.IndexByte(lines, '\n') + 1
}

func (s *blockSplitter) flush() error { return s.files.flush() }

// finish completes the file being written.
func (s *blockSplitter) finish() error {
	if err := s.endBlock(); err != nil {
		return err
	}
	return s.files.finish()
}

func (s *blockSplitter) written() (n int64, sum [sha256.Size]byte) { return s.files.written() }
