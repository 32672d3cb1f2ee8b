package transfer

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"slices"

	"github.com/klauspost/compress/gzip"
)

// resume continues the partial file of an earlier run: what was found out about its bytes
// is computed again from them. Files that cannot be continued are discarded.
//
// A file that was unpacked on the way begins again, since the server continues only at a
// position of the compressed bytes.
func (r *run) resume(ctx context.Context) error {
	kept, err := r.replay(ctx)
	if err != nil {
		return err
	}
	if !kept {
		return r.discard()
	}
	r.progressTo(r.content.origin.Size)
	r.progressFrom(r.offset)
	return r.d.File.SetName(r.content.name(r.d.Name))
}

// replay reads the partial file. It reports whether the file is continued.
func (r *run) replay(ctx context.Context) (kept bool, err error) {
	origin := r.d.Origin
	if origin.Form != Received && origin.Form != Compressed || origin.validator() == "" && origin.Size == 0 {
		return false, nil
	}
	partial, err := r.d.File.Partial(ctx)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, partial.Close()) }()

	in := bufio.NewReaderSize(partial, 64<<10)
	begin, _ := in.Peek(2)
	gzipped := isGzip(begin)
	switch {
	case len(begin) < 2:
		return false, nil
	case origin.Form == Compressed:
		return r.replayCompressed(ctx, in)
	case origin.Opaque && !(r.d.full() && r.d.Expect.SHA256 != ""): // a hole would not be found
		return false, nil
	case !origin.Opaque && gzipped == r.d.Options.Plain: // the option has changed
		return false, nil
	}
	return r.replayReceived(ctx, in, gzipped)
}

// replayReceived continues a file whose bytes are those of the response. Gzip is unpacked
// whatever is verified: after a loss of power, the file may have holes.
func (r *run) replayReceived(ctx context.Context, in io.Reader, gzipped bool) (bool, error) {
	c := newContent(r.d, r.d.Origin, gzipped)
	c.inspect = true
	c.start()
	r.content = c
	for ended := false; !ended; {
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		b, err := c.pipe.block()
		if err != nil {
			return false, err
		}
		n, err := io.ReadFull(in, b)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			ended = true
		case err != nil:
			return false, err
		}
		if hole := bytes.IndexByte(b[:n], 0); hole >= 0 && !gzipped && !r.d.Origin.Opaque {
			n, ended = hole, true // a block that was not written before a loss of power
		}
		c.replay.Add(int64(n))
		c.pipe.put(b[:n])
		r.offset += int64(n)
	}
	return r.keep(r.offset)
}

// keep truncates the partial file, unless it is longer than the response, or shorter and the
// server cannot continue it.
func (r *run) keep(size int64) (bool, error) {
	origin := r.d.Origin
	if origin.Size > 0 && r.offset > origin.Size || r.offset != origin.Size && origin.validator() == "" {
		return false, nil
	}
	return true, r.d.File.Truncate(size)
}

// replayCompressed continues a file after its last complete gzip member.
func (r *run) replayCompressed(ctx context.Context, in *bufio.Reader) (bool, error) {
	if r.d.Options.Plain {
		return false, nil
	}
	c := newContent(r.d, r.d.Origin, false)
	size, err := c.replayMembers(ctx, in)
	if err != nil || size == 0 {
		return false, err
	}
	again, err := r.d.File.Partial(ctx)
	if err != nil {
		return false, err
	}
	_, err = io.CopyN(&c.stored, again, size)
	if err = errors.Join(err, again.Close()); err != nil {
		return false, err
	}
	c.received.bytes = c.plain.bytes
	c.start()
	r.content, r.offset = c, c.plain.bytes
	return r.keep(size)
}

// replayMembers counts the complete members and returns their size in the file.
func (c *content) replayMembers(ctx context.Context, in *bufio.Reader) (size int64, err error) {
	counted := &countingReader{r: in}
	zr := new(gzip.Reader)
	for ctx.Err() == nil {
		if zr.Reset(counted) != nil {
			return size, nil
		}
		zr.Multistream(false)
		plain, lines := c.plain, c.lines
		if plain, err = plain.clone(); err != nil {
			return 0, err
		}
		lines.scan.text = slices.Clone(lines.scan.text)
		if _, err := io.Copy((*plainWriter)(c), zr); err != nil {
			c.plain, c.lines = plain, lines
			return size, nil
		}
		size = counted.n
	}
	return 0, context.Cause(ctx)
}

// countingReader counts what is read of a buffered reader.
type countingReader struct {
	r *bufio.Reader
	n int64
}

// Read implements io.Reader.
func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// ReadByte implements io.ByteReader, without which gzip would read ahead.
func (c *countingReader) ReadByte() (byte, error) {
	b, err := c.r.ReadByte()
	if err == nil {
		c.n++
	}
	return b, err
}
