package ndjson

import (
	"io"
	"time"

	"github.com/seed-90096f4d/sluice/ndjson/gzipmember"
)

// target is where a transfer writes to.
type target interface {
	// write writes whole lines.
	write(c chunk) error

	// flush flushes all lines so far to the reader at the other end.
	flush() error

	// finish completes the output, after all lines.
	finish() error

	// written returns the number of bytes so far.
	written() int64
}

// sink is a target that writes to one writer.
type sink struct {
	out    *output
	member *gzipmember.Writer // nil: no compression
}

func newSink(w io.Writer, gzip bool) *sink {
	s := &sink{out: &output{w: w}}
	if gzip {
		s.member = gzipmember.NewWriter(s.out)
	}
	return s
}

// drain writes everything from the pipe to the target. If the pipe is closed while lines
// are missing, it returns without an error and does not complete the output.
func drain(p *pipe, to target) error {
	timer := time.NewTimer(lull)
	defer timer.Stop()

	unflushed, started := false, false
	for {
		chunk, state := p.take(timer)
		if chunk.data() != nil {
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

// write writes the lines of a chunk or, with compression, its piece.
func (s *sink) write(c chunk) error {
	if s.member != nil {
		return s.member.Write(c.piece)
	}
	_, err := s.out.Write(c.lines)
	return err
}

func (s *sink) flush() error { return s.out.flush() }

func (s *sink) finish() error {
	if s.member == nil {
		return nil
	}
	return s.member.Close()
}

func (s *sink) written() int64 { return s.out.count }

// output counts what is written to w.
type output struct {
	w     io.Writer
	count int64
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	o.count += int64(n)
	return n, err
}

// flush flushes w, if it is buffered.
func (o *output) flush() error {
	switch w := o.w.(type) {
	case interface{ FlushError() error }:
		return w.FlushError()
	case interface{ Flush() }:
		w.Flush()
	}
	return nil
}
