package storage

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/encrypt"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	// partSize is the size of each part but the last: the minimum of S3, since each upload
	// has two buffers of it.
	partSize = 5 << 20

	// maxParts is S3's limit on the parts of one object.
	maxParts = 10_000

	// cancelGrace is how long a request that must not be interrupted may take after
	// its context has ended.
	cancelGrace = 10 * time.Second

	// abortTimeout is the timeout for aborting an upload.
	abortTimeout = 30 * time.Second
)

// upload is a multipart upload.
type upload struct {
	store  minio.Core
	bucket string
	name   string

	encryption encrypt.ServerSide // nil means the bucket's setting

	// plain means that requests are sent over HTTP without TLS, so that their signatures
	// must include the content.
	plain bool

	id    string // empty before begin and after complete
	parts []minio.CompletePart
	size  int64
	hash  hash.Hash // SHA-256 of the parts sent so far

	running prometheus.Gauge // counts the upload between begin and end
	counted bool
}

// end ends the count of the upload.
func (u *upload) end() {
	if u.counted {
		u.counted = false
		u.running.Dec()
	}
}

// send uploads one part. It begins the upload before the first part. Parts are sent one
// after the other.
func (u *upload) send(ctx context.Context, number int, data []byte) error {
	if err := u.begin(ctx); err != nil {
		return err
	}
	if number > maxParts {
		return ErrTooLarge
	}

	u.hash.Write(data)
	opts := minio.PutObjectPartOptions{DisableContentSha256: true} // do not sign the content in chunks
	if u.plain {
		opts.Sha256Hex = u.partHash(number, data)
	}
	part, err := u.store.PutObjectPart(ctx, u.bucket, u.name, u.id, number, bytes.NewReader(data), int64(len(data)), opts)
	if err != nil {
		return explain(err)
	}
	u.parts = append(u.parts, minio.CompletePart{PartNumber: number, ETag: part.ETag})
	u.size += int64(len(data))
	return nil
}

// partHash returns the hash of the part that was hashed last. For the first part, often
// the only one, that is the hash of the object so far.
func (u *upload) partHash(number int, data []byte) string {
	if number == 1 {
		return hex.EncodeToString(u.hash.Sum(nil))
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// begin requests an upload id, once. The end of ctx does not interrupt the request: an
// upload whose id was not received could not be aborted.
func (u *upload) begin(ctx context.Context) error {
	if u.id != "" {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}

	lasting, cancel := outlive(ctx, cancelGrace)
	defer cancel()
	id, err := u.store.NewMultipartUpload(lasting, u.bucket, u.name, minio.PutObjectOptions{ServerSideEncryption: u.encryption})
	if err != nil {
		return explain(err)
	}
	u.id, u.counted = id, true
	u.running.Inc()
	return ctx.Err()
}

// complete joins the parts to the object. The end of ctx does not interrupt the request,
// or it would be unknown whether the object exists.
func (u *upload) complete(ctx context.Context) (minio.UploadInfo, error) {
	if err := ctx.Err(); err != nil {
		return minio.UploadInfo{}, err
	}
	lasting, cancel := outlive(ctx, cancelGrace)
	defer cancel()

	info, err := u.store.CompleteMultipartUpload(lasting, u.bucket, u.name, u.id, u.parts, minio.PutObjectOptions{})
	if err != nil {
		return minio.UploadInfo{}, explain(err)
	}
	u.id = "" // nothing is left to abort
	u.end()
	return info, nil
}

// abort removes the parts sent so far, even if ctx has ended.
func (u *upload) abort(ctx context.Context) error {
	if u.id == "" {
		return nil
	}
	u.end()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	return abort(ctx, u.store, u.bucket, u.name, u.id)
}

// abort removes an unfinished upload. A missing one is not an error.
func abort(ctx context.Context, store minio.Core, bucket, name, id string) error {
	err := store.AbortMultipartUpload(ctx, bucket, name, id)
	if err != nil && minio.ToErrorResponse(err).Code != minio.NoSuchUpload {
		return fmt.Errorf("could not abort the upload: %w", explain(err))
	}
	return nil
}

// outlive returns a context that ends grace after ctx does.
func outlive(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	lasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-lasting.Done():
		case <-time.After(grace):
			cancel()
		}
	})
	return lasting, func() { stop(); cancel() }
}
