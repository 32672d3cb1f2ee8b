package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
)

// keepLine is the largest buffer kept for the next line; a larger one served a
// giant resource and is let go.
const keepLine = 4 << 20

// lines cuts a text into lines of any length up to max bytes.
type lines struct {
	text   *bufio.Reader
	max    int
	number int64 // of the line last returned, from 1
	long   []byte
}

// next returns the next line that is not blank, without its line end (LF or
// CRLF) and surrounding white space. It is valid until the next call. The end
// of the text is io.EOF, a line over the maximum errTooLong.
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

// read returns one line as it stands; most lie whole in the reader's buffer
// and are not copied. A longer line is collected in chunks and joined once its
// length is known: a line over the maximum never occupies more than the maximum.
func (l *lines) read() ([]byte, error) {
	l.number++
	var chunks [][]byte
	length := 0
	for {
		chunk, err := l.text.ReadSlice('\n')
		if length += len(chunk); length > l.max {
			return nil, fmt.Errorf("%w of %d bytes", errTooLong, l.max)
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
	l.long = slices.Grow(limited(l.long), length)
	for _, chunk := range chunks {
		l.long = append(l.long, chunk...)
	}
	return l.long
}
