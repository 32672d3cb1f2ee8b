package storage

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"

	"github.com/seed-90096f4d/sluice/telemetry/span"
)

// Object is an object in the bucket.
type Object struct {
	Key  string // relative to the bucket's prefix
	Size int64  // in bytes
	ETag string // identifies this version of the object, without quotes
}

// Writer uploads what is written to it as one object. The object becomes visible
// when Publish is called, and never in part. Every Writer must be ended by Publish
// or Abort, or its data remains in the store as an unfinished upload; Abort after Publish
// does nothing, so that it can be deferred.
//
// The size need not be known. A Writer uses two buffers of 5 MiB, whatever the size: one
// is filled while the other is sent. It is not safe for concurrent use.
type Writer struct {
	ctx    context.Context
	key    string
	upload *upload
	span   trace.Span // from Create to Close

	pool    *sync.Pool
	buffers [2]*[]byte // one is filled while the other is sent; nil if not needed yet

	sending *errgroup.Group // of one part at a time
	sendCtx context.Context // ends when a part could not be sent

	number int // of the part being filled, counted from 1
	filled int // its bytes so far

	closed   bool
	closeErr error
}

// Create returns a Writer that uploads an object under key. When it is published, it
// replaces an existing object. Nothing is sent before the first part is full or the
// Writer is closed. When ctx ends, sending fails.
//
// Every object, however small, is a multipart upload. minio-go would send a
// small one in a single request marked aws-chunked, which some stores keep as
// the object's Content-Encoding.
func (b *Bucket) Create(ctx context.Context, key string) (*Writer, error) {
	name, err := b.name(key)
	if err != nil {
		return nil, fmt.Errorf("storage: upload: %w", err)
	}
	ctx, s := span.Start(ctx, "upload")
	w := &Writer{
		ctx:  ctx,
		span: s,
		key:  key,
		upload: &upload{
			store:      b.store,
			bucket:     b.config.bucket,
			name:       name,
			encryption: b.config.encryption,
			plain:      b.config.endpoint.Scheme == "http",
			hash:       sha256.New(),
			running:    b.metrics.uploads,
		},
		pool:   &b.buffers,
		number: 1,
	}
	w.sending, w.sendCtx = errgroup.WithContext(ctx)
	w.sending.SetLimit(1)
	return w, nil
}

// Write implements io.Writer. It fails as soon as a part could not be sent.
func (w *Writer) Write(p []byte) (n int, err error) {
	for n < len(p) {
		switch {
		case w.closed:
			return n, w.explain(os.ErrClosed)
		case w.sendCtx.Err() != nil:
			return n, w.explain(cmp.Or(w.ctx.Err(), w.sending.Wait()))
		}
		copied := copy(w.part()[w.filled:], p[n:])
		n += copied
		if w.filled += copied; w.filled == partSize {
			w.send()
		}
	}
	return n, nil
}

// part returns the buffer of the part being filled.
func (w *Writer) part() []byte {
	buf := &w.buffers[w.number%len(w.buffers)]
	if *buf == nil {
		*buf = w.pool.Get().(*[]byte) // the pool makes nothing else
	}
	return **buf
}

// send waits until the previous part has been sent, whose buffer is filled next,
// and starts sending this one.
func (w *Writer) send() {
	number, data := w.number, w.part()[:w.filled]
	w.sending.Go(func() error { return w.upload.send(w.sendCtx, number, data) })
	w.number++
	w.filled = 0
}

// Close sends the rest of the data and waits until the store has all of it. The
// object is not visible yet.
func (w *Writer) Close() error {
	if w.closed {
		return w.closeErr
	}
	if w.sendCtx.Err() == nil && (w.filled > 0 || w.number == 1) { // an empty object has one empty part
		w.send()
	}
	w.closeErr = w.explain(cmp.Or(w.sending.Wait(), w.ctx.Err()))
	w.release()
	return w.closeErr
}

// SHA256 returns the hash of the object. The Writer must be closed.
func (w *Writer) SHA256() []byte { return w.upload.hash.Sum(nil) }

// Size returns the size of the object in bytes. The Writer must be closed.
func (w *Writer) Size() int64 { return w.upload.size }

// Publish makes the object visible under its key, replacing an existing one. It
// closes the Writer first. When the store's response is lost, the object may be
// visible although Publish returns an error; it is then complete. Another upload under
// the key, or deleting the key, resolves the uncertainty.
func (w *Writer) Publish(ctx context.Context) (Object, error) {
	if err := w.Close(); err != nil {
		return Object{}, err
	}
	done, err := w.upload.complete(ctx)
	if err != nil {
		return Object{}, fmt.Errorf("storage: publish %s: %w", w.key, err)
	}
	return Object{Key: w.key, Size: w.upload.size, ETag: done.ETag}, nil
}

// Abort removes what was sent, even if ctx has ended, unless it was published. The
// object that was visible under the key before stays.
//
// It waits for the part that is being sent: in some stores a part whose request is
// interrupted outlives its upload.
func (w *Writer) Abort(ctx context.Context) error {
	_ = w.sending.Wait()
	w.release()
	w.closeErr = cmp.Or(w.closeErr, os.ErrClosed)
	if err := w.upload.abort(ctx); err != nil {
		return fmt.Errorf("storage: abort upload %s: %w", w.key, err)
	}
	return nil
}

// release gives the buffers back once no request reads them.
func (w *Writer) release() {
	if w.closed {
		return
	}
	w.closed = true
	endUpload(w.span, w)
	for _, buf := range w.buffers {
		if buf != nil {
			w.pool.Put(buf)
		}
	}
}

func (w *Writer) explain(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("storage: upload %s: %w", w.key, err)
}

// Upload stores the data of r under key, replacing an existing object. On error, the
// existing object stays and nothing else remains, with the exception described at
// Publish.
func (b *Bucket) Upload(ctx context.Context, key string, r io.Reader) (object Object, err error) {
	w, err := b.Create(ctx, key)
	if err != nil {
		return Object{}, err
	}
	defer func() { // after a panic of r, too
		if abortErr := w.Abort(ctx); abortErr != nil {
			err = errors.Join(err, abortErr)
		}
	}()
	if _, err := io.Copy(w, r); err != nil {
		return Object{}, err
	}
	return w.Publish(ctx)
}
