package ndjson

import (
	"bytes"
	"context"
	"sync"
)

// heldSize is the number of bytes of a block that are held back until its end is
// known. A block up to this size is split only if it is larger than a file may be;
// the size of a larger one is estimated from its size on disk.
const heldSize = 4 << 20

// inflation is the maximum ratio of lines to their size on disk, where they are
// compressed, in that estimate.
const inflation = 4

// blockStart is where a block starts in the stream of lines, and the size of its
// rows on disk.
type blockStart struct{ offset, size int64 }

// blockStarts is a queue of block starts from the producer to the writer. A start is
// in it before the bytes that follow it are written.
type blockStarts struct {
	mu    sync.Mutex
	queue []blockStart
}

func (b *blockStarts) add(start blockStart) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queue = append(b.queue, start)
}

// first returns the next start, if one is known.
func (b *blockStarts) first() (next blockStart, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) == 0 {
		return next, false
	}
	return b.queue[0], true
}

// remove removes the first start.
func (b *blockStarts) remove() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queue = append(b.queue[:0], b.queue[1:]...)
}

// patientBlockSplitter is a target of several files of patient blocks.
type patientBlockSplitter struct {
	files  *splitter
	starts *blockStarts
	offset int64 // bytes so far

	header       []byte // of the current block
	size         int64  // of it on disk; 0 if it is unknown
	started      bool   // some of its lines are in a file
	headerInFile bool   // its header is in the current file

	holding bool
	held    []byte // lines of the block, none of which is in a file
}

func newPatientBlockSplitter(ctx context.Context, next NextFunc, starts *blockStarts, opts Options) *patientBlockSplitter {
	return &patientBlockSplitter{files: newSplitter(ctx, next, opts), starts: starts}
}

func (s *patientBlockSplitter) write(c chunk) error {
	for lines := c.lines; len(lines) > 0; {
		next, ok := s.starts.first()
		if ok && next.offset == s.offset {
			end := bytes.IndexByte(lines, '\n') + 1
			if err := s.beginBlock(lines[:end], next.size); err != nil {
				return err
			}
			s.starts.remove()
			s.offset += int64(end)
			lines = lines[end:]
			continue
		}
		n := len(lines)
		if ok {
			n = int(min(int64(n), next.offset-s.offset))
		}
		if err := s.take(lines[:n]); err != nil {
			return err
		}
		s.offset += int64(n)
		lines = lines[n:]
	}
	return nil
}

// beginBlock ends the current block and begins another.
func (s *patientBlockSplitter) beginBlock(header []byte, size int64) error {
	if err := s.endBlock(); err != nil {
		return err
	}
	s.header, s.size = append(s.header[:0], header...), size
	s.started, s.headerInFile, s.holding = false, false, true
	return nil
}

// endBlock writes the held lines of the block into a file that has room for all of
// it.
func (s *patientBlockSplitter) endBlock() error {
	if !s.holding || len(s.held) == 0 {
		return nil
	}
	return s.release(0)
}

// take adds lines to the block.
func (s *patientBlockSplitter) take(lines []byte) error {
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

// remaining estimates how many bytes of the block follow those held. A block of
// unknown size gets a file of its own, if the size of files is bounded.
func (s *patientBlockSplitter) remaining(known int) int64 {
	if s.size == 0 && s.files.opts.MaxFileBytes > 0 {
		return s.files.limit
	}
	return max(s.size*inflation-int64(len(s.held)), int64(known))
}

// release writes the held lines into a file that has room for them and for so many
// more bytes.
func (s *patientBlockSplitter) release(more int64) error {
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

// put writes lines of the block into the current file and, if it has no room for
// them, into further ones. A line that is longer than a file may be gets a file of
// its own, with the header.
func (s *patientBlockSplitter) put(lines []byte) error {
	for len(lines) > 0 {
		n := s.fitting(lines)
		if s.files.sink == nil || n == 0 {
			s.files.file.Continues = s.started
			if err := s.files.begin(); err != nil {
				return err
			}
			s.headerInFile = false
			continue
		}
		if !s.headerInFile {
			if err := s.files.putHeader(s.header); err != nil {
				return err
			}
		}
		if err := s.files.put(lines[:n]); err != nil {
			return err
		}
		s.started, s.headerInFile = true, true
		lines = lines[n:]
	}
	return nil
}

// fitting returns how many bytes of the lines fit into the current file, with the
// header if the file does not have it yet: at least one line if the file has none.
func (s *patientBlockSplitter) fitting(lines []byte) int {
	room := s.files.limit - s.files.file.PlainBytes
	if !s.headerInFile {
		room -= int64(len(s.header))
	}
	if n := whole(lines, room); n > 0 || s.files.file.Rows > 0 {
		return n
	}
	return bytes.IndexByte(lines, '\n') + 1
}

func (s *patientBlockSplitter) flush() error { return s.files.flush() }

// finish completes the file being written.
func (s *patientBlockSplitter) finish() error {
	if err := s.endBlock(); err != nil {
		return err
	}
	return s.files.finish()
}

func (s *patientBlockSplitter) written() int64 { return s.files.written() }
