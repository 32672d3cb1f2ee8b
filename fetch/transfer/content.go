package transfer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"

	"github.com/seed-90096f4d/sluice/fetch/output"
)

// content is a file that is being received: how its bytes are stored, and what was found
// out about them so far.
type content struct {
	origin  Origin
	gzipped bool // the response is gzip
	inspect bool // gzip is unpacked, so that the plain text is known

	received measure
	stored   measure
	plain    measure
	lines    lines

	file    output.File
	replay  atomic.Int64 // bytes that follow and that the file has already
	members *members     // for Compressed
	pipe    *pipeline
	stopped bool
}

// newContent prepares for the response that an origin describes.
func newContent(d *Download, origin Origin, gzipped bool) *content {
	c := &content{origin: origin, gzipped: gzipped, stored: hashed(), file: d.File}
	c.lines = newLines(d.typeToCheck(), d.Options.Verify == Strict)
	if d.Expect.Organized {
		c.lines = newHeadedLines()
	}
	c.inspect = d.needsPlain(origin)
	if d.full() && d.Expect.SHA256 != "" {
		switch {
		case origin.Form == Unpacked:
			c.received = hashed()
		case origin.Form == Compressed, gzipped && origin.Size != d.Expect.Size:
			c.plain = hashed()
		}
	}
	return c
}

// full reports whether more than the size is verified.
func (d *Download) full() bool { return d.Options.Verify != Size && d.Options.Verify != NoneOf }

// typeToCheck returns the resource type to look for in lines, if any.
func (d *Download) typeToCheck() string {
	if !d.full() {
		return ""
	}
	return d.Expect.Type
}

// needsPlain reports whether gzip must be unpacked for what is verified. If the size of
// the response is the expected one, the size of the plain text is not needed.
func (d *Download) needsPlain(origin Origin) bool {
	switch d.Options.Verify {
	case NoneOf:
		return false
	case Size:
		return d.Expect.Size >= 0 && origin.Size != d.Expect.Size
	}
	return true
}

// start starts the goroutines for the form of the content.
func (c *content) start() {
	switch {
	case c.origin.Form == Unpacked:
		c.pipe = startPipeline(c.receive, c.unpackToFile)
	case c.origin.Form == Compressed:
		c.members = newMembers(io.MultiWriter(c.file, &c.stored), c.stored.bytes > 0)
		c.pipe = startPipeline(c.compressBlock, nil)
	case c.origin.Opaque || c.gzipped && !c.inspect:
		c.pipe = startPipeline(c.storeBlock, nil)
	case c.gzipped:
		c.pipe = startPipeline(c.storeBlock, c.unpack)
	default:
		c.pipe = startPipeline(c.storeBlock, c.count)
	}
}

// receive takes a block that is stored later.
func (c *content) receive(b []byte) error {
	_, err := c.received.Write(b)
	return err
}

// storeBlock stores a block as it is, but for what the file has already.
func (c *content) storeBlock(b []byte) error {
	_, _ = c.received.Write(b)
	_, _ = c.stored.Write(b)
	if c.replay.Load() > 0 { // they come in blocks of their own
		c.replay.Add(-int64(len(b)))
		return nil
	}
	_, err := c.file.Write(b)
	return err
}

// compressBlock compresses and counts a block.
func (c *content) compressBlock(b []byte) error {
	_, _ = c.received.Write(b)
	_, _ = (*plainWriter)(c).Write(b)
	_, err := c.members.Write(b)
	return err
}

// count counts plain text.
func (c *content) count(r io.Reader) error {
	_, err := r.(io.WriterTo).WriteTo((*plainWriter)(c))
	return err
}

// unpack unpacks and counts gzip.
func (c *content) unpack(r io.Reader) error { return gunzip((*plainWriter)(c), r) }

// unpackToFile unpacks, counts and stores gzip.
func (c *content) unpackToFile(r io.Reader) error { return gunzip((*unpackedWriter)(c), r) }

// plainWriter counts plain text.
type plainWriter content

// Write implements io.Writer.
func (w *plainWriter) Write(p []byte) (int, error) {
	_, _ = w.plain.Write(p)
	return w.lines.Write(p)
}

// unpackedWriter counts plain text and stores it.
type unpackedWriter content

// Write implements io.Writer.
func (w *unpackedWriter) Write(p []byte) (int, error) {
	if !w.origin.Opaque {
		_, _ = (*plainWriter)(w).Write(p)
	}
	_, _ = w.stored.Write(p)
	if n, err := w.file.Write(p); err != nil {
		return n, storeError{err}
	}
	return len(p), nil
}

// gunzip unpacks all members of a gzip file. Anything after the last one is an error.
func gunzip(w io.Writer, r io.Reader) error {
	zr, err := gzip.NewReader(bufio.NewReaderSize(r, 64<<10))
	if err == nil {
		_, err = zr.WriteTo(w)
	}
	var local storeError
	switch {
	case errors.As(err, &local):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the data ends too early")
	case errors.Is(err, gzip.ErrHeader):
		return errors.New("data that is not gzip")
	case err != nil:
		return fmt.Errorf("damaged data (%w)", err)
	}
	return nil
}

// finish waits for the goroutines and ends the stored file.
func (c *content) finish() error {
	if err := c.stop(); err != nil {
		return err
	}
	if c.members != nil {
		return c.members.Close()
	}
	return nil
}

// stop waits for the goroutines. Nothing can be added to the content after it.
func (c *content) stop() error {
	if c.stopped {
		return nil
	}
	c.stopped = true
	return c.pipe.close()
}
