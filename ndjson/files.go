package ndjson

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/seed-90096f4d/sluice/ndjson/gzipmember"
)

// File describes one file of a dump.
type File struct {
	Rows         int64             // resources, without the headers of blocks; of WriteDeletions, Bundles
	PlainBytes   int64             // lines, before compression
	MaxLineBytes int64             // the longest line, without its line feed
	Bytes        int64             // as written
	SHA256       [sha256.Size]byte // of what was written, if asked for

	// Continues tells that the last block of the file goes on in the next.
	Continues bool
}

// NextFunc begins a file and returns what its bytes go to. The file before, if
// there is one, has been written whole. It is called when the first line of the
// file is there, so that a dump of no rows has no files, and never again after
// an error.
type NextFunc func() (io.Writer, error)

// WriteFiles is Write into as many files as Options.MaxFileBytes makes
// necessary. Each holds whole lines and is complete in itself, with a gzip
// member and a hash of its own. After an error the last one is broken.
func WriteFiles(ctx context.Context, next NextFunc, resourceType string, rows Rows, opts Options) (Result, []File, error) {
	sink := newSplitter(next, opts)
	t := startTransfer(ctx, sink, opts)
	defer t.abort()
	result, err := t.finish(resourceType, t.copyRows(t.ctx, t.pipe.producer(t.tally, false), resourceType, rows, opts.Format))
	return result, sink.files, err
}

// splitter is a target of several files. It gets whole lines of one producer, and
// compresses them itself, since only it knows in which file a line goes.
type splitter struct {
	next  NextFunc
	opts  Options
	limit int64 // of PlainBytes
	sink  *sink // of the file being written; nil before the first line
	file  File
	files []File // those that are complete

	compressor *gzipmember.Compressor // nil: no compression
	compressed []byte                 // its output, to be used again
}

func newSplitter(next NextFunc, opts Options) *splitter {
	limit := opts.MaxFileBytes
	if limit <= 0 {
		limit = math.MaxInt64
	}
	s := &splitter{next: next, opts: opts, limit: limit}
	if opts.Gzip {
		s.compressor = gzipmember.NewCompressor()
	}
	return s
}

func (s *splitter) write(c chunk) error {
	for lines := c.lines; len(lines) > 0; {
		n := s.fitting(lines)
		if s.sink == nil || n == 0 {
			if err := s.begin(); err != nil {
				return err
			}
			continue
		}
		if err := s.put(lines[:n]); err != nil {
			return err
		}
		lines = lines[n:]
	}
	return nil
}

// put writes lines, each a row, into the file that is being written.
func (s *splitter) put(lines []byte) error {
	count, longest := measure(lines)
	s.file.Rows += count
	s.file.MaxLineBytes = max(s.file.MaxLineBytes, longest)
	s.file.PlainBytes += int64(len(lines))
	if s.compressor == nil {
		return s.sink.write(chunk{lines: lines})
	}
	for slice := range slices.Chunk(lines, chunkSize) { // a huge line is not held compressed as a whole
		piece := s.compressor.Append(s.compressed[:0], slice)
		s.compressed = piece.Data
		if err := s.sink.write(chunk{piece: piece}); err != nil {
			return err
		}
	}
	return nil
}

// putHeader writes a line that is not a row.
func (s *splitter) putHeader(line []byte) error {
	err := s.put(line)
	s.file.Rows--
	return err
}

// measure returns the number of lines and the length of the longest, without its
// line feed.
func measure(lines []byte) (count, longest int64) {
	for len(lines) > 0 {
		end := bytes.IndexByte(lines, '\n')
		longest = max(longest, int64(end))
		lines = lines[end+1:]
		count++
	}
	return count, longest
}

// fitting is how many bytes the lines take that the file has room for. A line
// that is longer than a file may be gets one for itself.
func (s *splitter) fitting(lines []byte) int {
	if fits := whole(lines, s.limit-s.file.PlainBytes); fits > 0 || s.file.PlainBytes > 0 {
		return fits
	}
	return bytes.IndexByte(lines, '\n') + 1
}

// whole is how many bytes the lines take that go into the room.
func whole(lines []byte, room int64) int {
	switch {
	case int64(len(lines)) <= room:
		return len(lines)
	case room <= 0:
		return 0
	}
	return bytes.LastIndexByte(lines[:room], '\n') + 1
}

// begin ends the file being written, if there is one, and begins the next.
func (s *splitter) begin() error {
	if err := s.finish(); err != nil {
		return err
	}
	w, err := s.next()
	if err != nil {
		return fmt.Errorf("begin a file: %w", err)
	}
	s.file = File{}
	s.sink = newSink(w, s.opts)
	if s.compressor != nil {
		s.compressor.Reset()
	}
	return nil
}

func (s *splitter) flush() error {
	if s.sink == nil {
		return nil
	}
	return s.sink.flush()
}

// finish completes the file being written.
func (s *splitter) finish() error {
	if s.sink == nil {
		return nil
	}
	if err := s.sink.finish(); err != nil {
		return err
	}
	s.file.Bytes, s.file.SHA256 = s.sink.written()
	s.files = append(s.files, s.file)
	s.sink = nil
	return nil
}

// written counts what all files together have got.
func (s *splitter) written() (n int64, sum [sha256.Size]byte) {
	for _, file := range s.files {
		n += file.Bytes
	}
	return n, sum
}
