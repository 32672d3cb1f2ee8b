package dump

import (
	"fmt"

	"github.com/klauspost/compress/flate"
)

// deflater compresses into memory. The library hands its output over in some
// 250 bytes at a time, which would be a system call each.
type deflater struct {
	writer *flate.Writer
	out    appender
}

// appender is a writer into memory that never fails.
type appender struct{ bytes []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.bytes = append(a.bytes, p...)
	return len(p), nil
}

func newDeflater(level int) (*deflater, error) {
	if level < flate.BestSpeed || level > flate.BestCompression {
		return nil, fmt.Errorf("gzip level %d is not between %d and %d", level, flate.BestSpeed, flate.BestCompression)
	}
	d := &deflater{}
	var err error
	if d.writer, err = flate.NewWriter(&d.out, level); err != nil {
		return nil, err
	}
	return d, nil
}

// piece appends lines as a piece of a deflate stream that needs nothing of what
// is before it and ends on a byte, so that pieces can follow each other.
func (d *deflater) piece(dst, lines []byte) ([]byte, error) {
	d.out.bytes = dst
	d.writer.Reset(&d.out)
	if _, err := d.writer.Write(lines); err != nil {
		return nil, err
	}
	if err := d.writer.Flush(); err != nil {
		return nil, err
	}
	dst, d.out.bytes = d.out.bytes, nil
	return dst, nil
}
