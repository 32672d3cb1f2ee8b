package ndjson

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/seed-90096f4d/sluice/ndjson/gzipmember"
)

// File describes a file that was written.
type File struct {
	Rows         int64 // resources, without headers of patient blocks; of WriteDeletions, Bundles
	PlainBytes   int64 // lines, before compression
	MaxLineBytes int64 // the longest line, without its line feed
	Bytes        int64 // as written

	// Continues reports whether the last patient block continues in the next file.
	Continues bool
}

// NextFunc begins a file and returns its writer. The previous file, if there is one,
// has been written completely. It is called for the first line of a file, so that a
// scan without rows makes no file, and not after an error.
type NextFunc func(ctx context.Context) (io.Writer, error)

// WriteFiles is Write to as many files as Options.MaxFileBytes requires. Each holds
// whole lines and is complete in itself, with its own gzip member. After an
// error the last file is incomplete.
func WriteFiles(ctx context.Context, next NextFunc, resourceType string, rows Rows, opts Options) (Result, []File, error) {
	sink := newSplitter(ctx, next, opts)
	t := startTransfer(ctx, sink, opts)
	defer t.abort()
	result, err := t.finish(resourceType, t.copyRows(t.ctx, resourceType, rows, opts.Format, compressNothing))
	return result, sink.files, err
}

// splitter is a target of several files. It gets whole lines of one producer, and
// compresses them itself, because only the splitter knows the file of a line.
type splitter struct {
	ctx   context.Context // of next
	next  NextFunc
	opts  Options
	limit int64 // of PlainBytes
	sink  *sink // of the current file; nil before the first line
	file  File
	files []File // those that are complete

	compressor *gzipmember.Compressor // nil: no compression
	compressed []byte                 // its output buffer
}

func newSplitter(ctx context.Context, next NextFunc, opts Options) *splitter {
	limit := opts.MaxFileBytes
	if limit <= 0 {
		limit = math.MaxInt64
	}
	s := &splitter{ctx: ctx, next: next, opts: opts, limit: limit}
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

// put writes lines, one for each row, to the current file.
func (s *splitter) put(lines []byte) error {
	count, longest := measure(lines)
	s.file.Rows += count
	s.file.MaxLineBytes = max(s.file.MaxLineBytes, longest)
	s.file.PlainBytes += int64(len(lines))
	if s.compressor == nil {
		return s.sink.write(chunk{lines: lines})
	}
	for slice := range slices.Chunk(lines, chunkSize) { // a huge line is never compressed as a whole
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

// fitting returns how many bytes of the lines fit into the current file. A line that
// is longer than a file may be gets a file of its own.
func (s *splitter) fitting(lines []byte) int {
	if fits := whole(lines, s.limit-s.file.PlainBytes); fits > 0 || s.file.PlainBytes > 0 {
		return fits
	}
	return bytes.IndexByte(lines, '\n') + 1
}

// whole returns how many bytes the whole lines have that fit into room.
func whole(lines []byte, room int64) int {
	switch {
	case int64(len(lines)) <= room:
		return len(lines)
	case room <= 0:
		return 0
	}
	return bytes.LastIndexByte(lines[:room], '\n') + 1
}

// begin completes the current file, if there is one, and begins the next.
func (s *splitter) begin() error {
	if err := s.finish(); err != nil {
		return err
	}
	w, err := s.next(s.ctx)
	if err != nil {
		return fmt.Errorf("begin a file: %w", err)
	}
	s.file = File{}
	s.sink = newSink(w, s.opts.Gzip)
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

// finish completes the current file, if there is one.
func (s *splitter) finish() error {
	if s.sink == nil {
		return nil
	}
	if err := s.sink.finish(); err != nil {
		return err
	}
	s.file.Bytes = s.sink.written()
	s.files = append(s.files, s.file)
	s.sink = nil
	return nil
}

// written returns the number of bytes in all complete files.
func (s *splitter) written() (n int64) {
	for _, file := range s.files {
		n += file.Bytes
	}
	return n
}
