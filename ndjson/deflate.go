package ndjson

import (
	"fmt"

	"github.com/klauspost/compress/flate"

	"github.com/seed-90096f4d/sluice/ndjson/deflate"
)

// deflater compresses one deflate stream at a time, into memory.
type deflater interface {
	// reset begins a stream.
	reset()

	// add appends to dst what becomes of lines. Some may be held back.
	add(dst, lines []byte) ([]byte, error)

	// flush appends what is held back, and ends on a byte.
	flush(dst []byte) ([]byte, error)
}

// newDeflater returns one at the beginning of a stream. Level 1 is our own, made
// for lines like these; the others are the library's.
func newDeflater(level int) (deflater, error) {
	switch {
	case level < flate.BestSpeed || level > flate.BestCompression:
		return nil, fmt.Errorf("gzip level %d is not between %d and %d", level, flate.BestSpeed, flate.BestCompression)
	case level == flate.BestSpeed:
		return fastDeflater{deflate.NewEncoder()}, nil
	}
	d := &libraryDeflater{}
	var err error
	d.writer, err = flate.NewWriter(&d.out, level)
	return d, err
}

// fastDeflater is that of level 1.
type fastDeflater struct{ encoder *deflate.Encoder }

func (d fastDeflater) reset() { d.encoder.Reset() }

func (d fastDeflater) add(dst, lines []byte) ([]byte, error) {
	return d.encoder.Append(dst, lines), nil
}

func (d fastDeflater) flush(dst []byte) ([]byte, error) { return d.encoder.Flush(dst), nil }

// libraryDeflater is that of the other levels.
type libraryDeflater struct {
	writer *flate.Writer
	out    appender
}

// appender is a writer into memory that never fails. The library hands its output
// over in some 250 bytes at a time, which would be a system call each.
type appender struct{ bytes []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.bytes = append(a.bytes, p...)
	return len(p), nil
}

func (d *libraryDeflater) reset() { d.writer.Reset(&d.out) }

func (d *libraryDeflater) add(dst, lines []byte) ([]byte, error) {
	d.out.bytes = dst
	_, err := d.writer.Write(lines)
	return d.out.bytes, err
}

func (d *libraryDeflater) flush(dst []byte) ([]byte, error) {
	d.out.bytes = dst
	err := d.writer.Flush()
	return d.out.bytes, err
}
