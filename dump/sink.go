package dump

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/klauspost/compress/gzip"
)

// target is the side that compresses and writes.
type target interface {
	// write takes whole lines.
	write(lines []byte) error

	// flush makes all lines so far readable at the other end.
	flush() error

	// finish completes what was written, once all lines are there.
	finish() error

	// written counts the bytes so far, and hashes them if that was asked for.
	written() (n int64, sum [sha256.Size]byte)
}

// sink is a target that writes to one writer.
type sink struct {
	gzip *gzip.Writer // nil: no compression
	out  *output
}

func newSink(w io.Writer, opts Options) (*sink, error) {
	s := &sink{out: &output{w: w}}
	if opts.SHA256 {
		s.out.hash = sha256.New()
	}
	if opts.Gzip {
		level := cmp.Or(opts.GzipLevel, DefaultGzipLevel)
		if level < gzip.BestSpeed || level > gzip.BestCompression {
			return nil, fmt.Errorf("gzip level %d is not between %d and %d", level, gzip.BestSpeed, gzip.BestCompression)
		}
		var err error
		if s.gzip, err = gzip.NewWriterLevel(s.out, level); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// drain writes all that comes through the pipe. It ends early, without an
// error and without completing the output, if the pipe breaks.
func drain(p *pipe, to target) error {
	timer := time.NewTimer(lull)
	defer timer.Stop()

	unflushed, started := false, false
	for {
		chunk, state := p.take(timer)
		if chunk != nil {
			if err := to.write(chunk); err != nil {
				return err
			}
			p.recycle(chunk)
			unflushed = true
		}
		if unflushed && (state == pipeIdle || !started) {
			if err := to.flush(); err != nil {
				return err
			}
			unflushed, started = false, true
		}
		switch state {
		case pipeOpen, pipeIdle:
		case pipeDone:
			return to.finish()
		case pipeBroken:
			return nil
		}
	}
}

func (s *sink) write(chunk []byte) error {
	if s.gzip == nil {
		_, err := s.out.Write(chunk)
		return err
	}
	_, err := s.gzip.Write(chunk)
	return err
}

func (s *sink) flush() error {
	if s.gzip != nil {
		if err := s.gzip.Flush(); err != nil {
			return err
		}
	}
	return s.out.flush()
}

func (s *sink) finish() error {
	if s.gzip == nil {
		return nil
	}
	return s.gzip.Close()
}

func (s *sink) written() (n int64, sum [sha256.Size]byte) {
	if s.out.hash != nil {
		s.out.hash.Sum(sum[:0])
	}
	return s.out.count, sum
}

// output counts and hashes what is written to w.
type output struct {
	w     io.Writer
	count int64
	hash  hash.Hash
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	o.count += int64(n)
	if o.hash != nil {
		o.hash.Write(p[:n])
	}
	return n, err
}

// flush passes on what w keeps back, if it is a writer that does.
func (o *output) flush() error {
	switch w := o.w.(type) {
	case interface{ FlushError() error }:
		return w.FlushError()
	case interface{ Flush() }:
		w.Flush()
	}
	return nil
}
