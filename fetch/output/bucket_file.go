package output

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/minio/minio-go/v7"
)

const (
	// partBytes is the size of the parts of an upload. A file has two buffers of it: one is
	// filled while the other is sent. Files of one part are sent in one request.
	partBytes = 8 << 20

	// maxParts is the limit of S3 on the parts of an object: 78 GiB in all.
	maxParts = 10_000
)

// bucketFile is a file that is uploaded.
type bucketFile struct {
	ctx  context.Context
	b    *bucket
	name string

	uploadID string // empty: nothing was sent yet
	parts    []minio.CompletePart
	size     int64

	part, spare []byte     // one is filled, the other may be being sent
	sent        chan error // receives when the other was sent; nil if none is
	err         error      // of sending
	closed      bool
}

// Create implements Output.
func (b *bucket) Create(ctx context.Context, name string) (File, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	return &bucketFile{ctx: ctx, b: b, name: name}, nil
}

// Partial implements File. Nothing is kept of an interrupted run.
func (*bucketFile) Partial(context.Context) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(nil)), nil
}

// SetName implements File.
func (f *bucketFile) SetName(name string) error {
	if f.uploadID != "" && name != f.name {
		return errors.New("the name of an upload cannot be changed")
	}
	f.name = name
	return checkName(name)
}

// Truncate implements File.
func (f *bucketFile) Truncate(size int64) error {
	switch {
	case size == f.size:
		return nil
	case size != 0:
		return ErrNotTruncatable
	}
	if err := f.abort(); err != nil {
		return err
	}
	f.parts, f.part, f.size, f.err = nil, f.part[:0], 0, nil
	return nil
}

// Write implements io.Writer.
func (f *bucketFile) Write(p []byte) (n int, err error) {
	if f.closed {
		return 0, errors.New("write to a closed upload")
	}
	for n < len(p) {
		if f.part == nil {
			f.part = make([]byte, 0, partBytes)
		}
		if len(f.part) == partBytes { // not before there is more: a single part is sent as a whole
			if err := f.send(); err != nil {
				return n, err
			}
			continue
		}
		room := min(partBytes-len(f.part), len(p)-n)
		f.part = append(f.part, p[n:n+room]...)
		n += room
		f.size += int64(room)
	}
	return n, nil
}

// send begins to send the part that was filled, when the one before it was sent.
func (f *bucketFile) send() error {
	if err := f.wait(); err != nil {
		return err
	}
	if err := f.begin(); err != nil {
		f.err = err
		return err
	}
	full := f.part
	f.part, f.spare = f.spare[:0], full
	f.sent = make(chan error, 1)
	go func() { f.sent <- f.sendPart(full) }()
	return nil
}

// wait waits until the part that is being sent was sent.
func (f *bucketFile) wait() error {
	if f.sent != nil {
		f.err = errors.Join(f.err, <-f.sent)
		f.sent = nil
	}
	return f.err
}

// begin begins the upload. The end of the context does not interrupt it: an upload whose id
// was not received cannot be aborted.
func (f *bucketFile) begin() error {
	if f.uploadID != "" {
		return nil
	}
	if f.ctx.Err() != nil {
		return context.Cause(f.ctx)
	}
	ctx, cancel := lasting(f.ctx)
	defer cancel()
	id, err := f.b.store.NewMultipartUpload(ctx, f.b.name, f.key(), minio.PutObjectOptions{ContentType: contentType(f.name)})
	f.uploadID = id
	return f.b.explain(f.name, err)
}

// key returns the key of the object.
func (f *bucketFile) key() string { return f.b.prefix + f.name }

// sendPart sends a part. The store checks its hash.
func (f *bucketFile) sendPart(content []byte) error {
	number := len(f.parts) + 1
	if number > maxParts {
		return fmt.Errorf("%s is larger than %d parts of %d bytes", f.name, maxParts, partBytes)
	}
	part, err := f.b.store.PutObjectPart(f.ctx, f.b.name, f.key(), f.uploadID, number, bytes.NewReader(content), int64(len(content)),
		minio.PutObjectPartOptions{DisableContentSha256: true, Sha256Hex: sum(content)})
	if f.ctx.Err() != nil {
		return context.Cause(f.ctx)
	}
	if err != nil {
		return f.b.explain(f.name, err)
	}
	f.parts = append(f.parts, minio.CompletePart{PartNumber: number, ETag: part.ETag})
	return nil
}

// Publish implements File.
func (f *bucketFile) Publish(ctx context.Context) error {
	if f.uploadID == "" {
		_, err := f.b.put(ctx, f.name, f.part, minio.PutObjectOptions{ContentType: contentType(f.name)})
		return err
	}
	if err := f.send(); err != nil {
		return err
	}
	if err := f.wait(); err != nil {
		return err
	}
	return f.complete(ctx)
}

// complete makes the object of the parts. The end of the context does not interrupt it, or
// it would be unknown whether the object exists.
func (f *bucketFile) complete(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	ctx, cancel := lasting(ctx)
	defer cancel()
	_, err := f.b.store.CompleteMultipartUpload(ctx, f.b.name, f.key(), f.uploadID, f.parts, minio.PutObjectOptions{})
	if isCode(err, minio.NoSuchUpload) && f.exists(ctx) { // the response to an earlier attempt was lost
		err = nil
	}
	if err != nil {
		return f.b.explain(f.name, err)
	}
	f.uploadID = ""
	return nil
}

// exists reports whether the object exists with the size of the file.
func (f *bucketFile) exists(ctx context.Context) bool {
	info, err := f.b.store.StatObject(ctx, f.b.name, f.key(), minio.StatObjectOptions{})
	return err == nil && info.Size == f.size
}

// Reject implements File. Parts cannot be kept under another name, so that nothing is kept.
func (f *bucketFile) Reject(context.Context) error { return f.Close() }

// Close implements File. It removes what was sent, unless it was published.
func (f *bucketFile) Close() error {
	f.closed = true
	err := f.abort()
	f.part, f.spare = nil, nil
	return err
}

// abort removes what was sent, also if the context has ended.
func (f *bucketFile) abort() error {
	_ = f.wait() // what could not be sent is removed as well
	if f.uploadID == "" {
		return nil
	}
	ctx, cancel := lasting(f.ctx)
	defer cancel()
	if err := f.b.abort(ctx, f.key(), f.uploadID); err != nil {
		return err
	}
	f.uploadID = ""
	return nil
}

// abort removes an unfinished upload, if it exists.
func (b *bucket) abort(ctx context.Context, key, id string) error {
	err := b.store.AbortMultipartUpload(ctx, b.name, key, id)
	if isCode(err, minio.NoSuchUpload) {
		return nil
	}
	return b.explain(key[len(b.prefix):], err)
}
