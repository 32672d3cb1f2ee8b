package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"
)

// readBytes is the size of one read from a file.
const readBytes = 256 << 10

var (
	gzipMagic = []byte{0x1f, 0x8b}
	utf8BOM   = []byte{0xef, 0xbb, 0xbf}
)

// openInput opens a path, or stdin for "-", as plain text: gunzipped if the
// first bytes say so (many gzip members one after the other are one text), and
// without a byte order mark. onRead hears how many bytes each read took from
// the file itself.
func openInput(ctx context.Context, path string, stdin io.Reader, onRead func(n int)) (*bufio.Reader, io.Closer, error) {
	var source io.Reader
	closer := io.NopCloser(nil)
	if path == stdinPath {
		source = &abandonable{ctx: ctx, r: stdin}
	} else {
		f, err := os.Open(path)
		if err != nil {
			return nil, nil, err
		}
		source, closer = f, f
	}

	text, err := plain(&counted{source, onRead})
	if err != nil {
		return nil, nil, errors.Join(err, closer.Close())
	}
	return text, closer, nil
}

func plain(source io.Reader) (*bufio.Reader, error) {
	text := bufio.NewReaderSize(source, readBytes)
	if head, _ := text.Peek(len(gzipMagic)); bytes.Equal(head, gzipMagic) {
		unzipped, err := gzip.NewReader(text)
		if err != nil {
			return nil, err
		}
		text = bufio.NewReaderSize(unzipped, readBytes)
	}
	if head, _ := text.Peek(len(utf8BOM)); bytes.Equal(head, utf8BOM) {
		if _, err := text.Discard(len(utf8BOM)); err != nil {
			return nil, err
		}
	}
	return text, nil // an error that Peek met comes again with the next read
}

// counted reports the length of each read.
type counted struct {
	r      io.Reader
	onRead func(n int)
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.onRead(n)
	return n, err
}

// abandonable reads a stream that cannot be closed from under a blocked Read,
// as standard input is: when ctx ends, Read returns at once and the blocked one
// is left to end with its stream.
type abandonable struct {
	ctx context.Context //nolint:containedctx // io.Reader has no other way to hear of the end
	r   io.Reader
}

func (a *abandonable) Read(p []byte) (int, error) {
	type result struct {
		n   int
		err error
	}
	buf := make([]byte, len(p)) // not p: an abandoned read may still write to it
	read := make(chan result, 1)
	go func() {
		n, err := a.r.Read(buf)
		read <- result{n, err}
	}()

	select {
	case got := <-read:
		return copy(p, buf[:got.n]), got.err
	case <-a.ctx.Done():
		return 0, a.ctx.Err()
	}
}
