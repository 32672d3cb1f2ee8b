package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
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
// and are not copied.
func (l *lines) read() ([]byte, error) {
	if cap(l.long) > keepLine {
		l.long = nil
	}
	l.long = l.long[:0]
	l.number++

	for {
		piece, err := l.text.ReadSlice('\n')
		if len(l.long)+len(piece) > l.max {
			return nil, fmt.Errorf("%w of %d bytes", errTooLong, l.max)
		}
		switch {
		case err == nil && len(l.long) == 0:
			return piece, nil
		case err == nil:
			l.long = append(l.long, piece...)
			return l.long, nil
		case errors.Is(err, bufio.ErrBufferFull):
			l.long = append(l.long, piece...)
		case errors.Is(err, io.EOF) && len(l.long)+len(piece) > 0:
			l.long = append(l.long, piece...)
			return l.long, nil // the last line has no line end
		default:
			return nil, err
		}
	}
}
