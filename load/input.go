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

// openInput opens a path, or stdin for "-", as plain text: decompressed if it begins
// as gzip, which may have several members, and without a byte order mark. onRead is
// called with the number of bytes of each read from the file itself.
func openInput(ctx context.Context, path string, stdin io.Reader, onRead func(n int)) (*bufio.Reader, io.Closer, error) {
	var source io.Reader
	closer := io.NopCloser(nil)
	if path == stdinPath {
		source = interruptible(ctx, stdin)
	} else {
		f, err := os.Open(path)
		if err != nil {
			return nil, nil, err
		}
		source, closer = f, f
	}

	text, err := decompress(&counted{source, onRead})
	if err != nil {
		return nil, nil, errors.Join(err, closer.Close())
	}
	return text, closer, nil
}

func decompress(source io.Reader) (*bufio.Reader, error) {
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
	return text, nil // the next read returns an error of Peek again
}

// counted calls onRead with the length of each read.
type counted struct {
	r      io.Reader
	onRead func(n int)
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.onRead(n)
	return n, err
}

// interruptible returns the data of a stream, such as standard input, that cannot be
// closed to unblock a Read. When ctx is done, a Read of the result returns at once and
// the blocked one is abandoned.
func interruptible(ctx context.Context, stream io.Reader) io.Reader {
	r, w := io.Pipe()
	go func() {
		_, err := io.Copy(w, stream)
		w.CloseWithError(err) // nil is io.EOF
	}()
	context.AfterFunc(ctx, func() { w.CloseWithError(ctx.Err()) })
	return r
}
