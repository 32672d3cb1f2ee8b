package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
)

// maxReused is the maximum size of a buffer that is reused for the next line.
const maxReused = 4 << 20

// lines splits a text into lines of at most max bytes.
type lines struct {
	text   *bufio.Reader
	max    int
	number int64 // of the line last returned, from 1
	long   []byte
}

// next returns the next line that is not blank, without its line end (LF or CRLF) and
// surrounding white space. The line is valid until the next call. At the end of the
// text the error is io.EOF, for a line over the maximum errTooLong.
func (l *lines) next() ([]byte, error) {
	for {
		line, err := l.read()
		if err != nil {
			return nil, err
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return line, nil
		}
	}
}

// read returns one line. Most are within the reader's buffer and are not copied. A
// longer line is collected in chunks and joined when its length is known, so that a
// line over the maximum takes no more memory than the maximum.
func (l *lines) read() ([]byte, error) {
	l.number++
	var chunks [][]byte
	length := 0
	for {
		chunk, err := l.text.ReadSlice('\n')
		if length += len(chunk); length > l.max {
			return nil, fmt.Errorf("%w: the maximum is %d bytes", errTooLong, l.max)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			chunks = append(chunks, bytes.Clone(chunk))
		case err == nil && chunks == nil:
			return chunk, nil
		case err == nil, errors.Is(err, io.EOF) && length > 0: // the last line has no line end
			return l.join(append(chunks, chunk), length), nil
		default:
			return nil, err
		}
	}
}

// join returns the chunks as one line.
func (l *lines) join(chunks [][]byte, length int) []byte {
	l.long = slices.Grow(reusable(l.long), length)
	for _, chunk := range chunks {
		l.long = append(l.long, chunk...)
	}
	return l.long
}
