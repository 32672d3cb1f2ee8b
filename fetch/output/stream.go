package output

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
)

// stream is the output to a stream.
type stream struct{ w io.Writer }

// Stream returns the output to a stream, such as standard output: files one after the other,
// without documents and state. What was written cannot be taken back. When a file begins
// again, the bytes that were written are compared and not written a second time.
func Stream(w io.Writer) Output { return stream{w} }

// Lock implements Output. Nothing is shared with other runs.
func (stream) Lock(ctx context.Context, _ func(string)) (context.Context, func(), error) {
	return ctx, func() {}, nil
}

// ReadDocument implements Output.
func (stream) ReadDocument(context.Context, string) ([]byte, error) { return nil, ErrNotExist }

// WriteDocument implements Output.
func (stream) WriteDocument(context.Context, string, []byte) error { return nil }

// RemoveDocument implements Output.
func (stream) RemoveDocument(context.Context, string) error { return nil }

// Discard implements Output.
func (stream) Discard(context.Context, string) error { return nil }

// Open implements Output.
func (stream) Open(context.Context, string) (io.ReadCloser, error) { return nil, ErrNotExist }

// Sequential implements Output.
func (stream) Sequential() bool { return true }

// String implements Output.
func (stream) String() string { return "standard output" }

// Create implements Output.
func (s stream) Create(context.Context, string) (File, error) {
	return &streamFile{w: s.w, hash: sha256.New()}, nil
}

// streamFile is a file that is written to a stream.
type streamFile struct {
	w       io.Writer
	written int64
	hash    hash.Hash // of the bytes written
	last    byte      // of the bytes written

	skip   int64     // bytes to compare before more are written
	repeat hash.Hash // of the bytes compared
	closed bool
}

// Partial implements File.
func (f *streamFile) Partial(context.Context) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(nil)), nil
}

// Truncate implements File. The following bytes are compared with those written before.
func (f *streamFile) Truncate(size int64) error {
	switch {
	case size == f.written-f.skip:
		return nil
	case size != 0:
		return ErrNotTruncatable
	}
	f.skip, f.repeat = f.written, sha256.New()
	return nil
}

// Write implements io.Writer.
func (f *streamFile) Write(p []byte) (int, error) {
	if f.closed {
		return 0, errors.New("write after the end of the file")
	}
	skipped := int(min(f.skip, int64(len(p))))
	if skipped > 0 {
		f.repeat.Write(p[:skipped])
		if f.skip -= int64(skipped); f.skip == 0 && !bytes.Equal(f.repeat.Sum(nil), f.hash.Sum(nil)) {
			return 0, ErrChanged
		}
	}
	if p = p[skipped:]; len(p) == 0 {
		return skipped, nil
	}
	n, err := f.w.Write(p)
	f.hash.Write(p[:n])
	f.written += int64(n)
	if n > 0 {
		f.last = p[n-1]
	}
	if err != nil {
		err = fmt.Errorf("standard output: %w", err)
	}
	return skipped + n, err
}

// SetName implements File.
func (*streamFile) SetName(name string) error { return checkName(name) }

// Publish implements File. A last line without a newline gets one, since another file may
// follow.
func (f *streamFile) Publish(context.Context) error {
	if f.skip > 0 {
		return ErrChanged
	}
	if f.written == 0 || f.last == '\n' || f.closed {
		return nil
	}
	_, err := f.Write([]byte{'\n'})
	return errors.Join(err, f.Close())
}

// Reject implements File. What was written stays written.
func (*streamFile) Reject(context.Context) error { return nil }

// Close implements File.
func (f *streamFile) Close() error {
	f.closed = true
	return nil
}
