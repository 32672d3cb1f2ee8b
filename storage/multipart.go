package storage

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/encrypt"
)

const (
	// maxParts is S3's limit on the parts of one object.
	maxParts = 10_000

	// afterCancel bounds how long an upload may go on, after its context has
	// ended, with a request that must not be torn in the middle.
	afterCancel = 10 * time.Second

	// abortTimeout bounds the removal of an unfinished upload.
	abortTimeout = 30 * time.Second
)

// upload is one multipart upload on its way.
type upload struct {
	store  minio.Core
	bucket string
	name   string

	encryption encrypt.ServerSide // nil means none is asked for

	id    string // "" until the store knows of the upload
	parts []minio.CompletePart
	size  int64
}

// send uploads one part, and begins the upload before the first. Parts come one
// after the other.
func (u *upload) send(ctx context.Context, number int, data []byte) error {
	if err := u.begin(ctx); err != nil {
		return err
	}
	if number > maxParts {
		return ErrTooLarge
	}

	// Over http the content is signed in chunks. Stores may answer for an empty one
	// before they have read its last chunk, and take that for the next request.
	opts := minio.PutObjectPartOptions{DisableContentSha256: len(data) == 0}
	part, err := u.store.PutObjectPart(ctx, u.bucket, u.name, u.id, number, bytes.NewReader(data), int64(len(data)), opts)
	if err != nil {
		return explain(err)
	}
	u.parts = append(u.parts, minio.CompletePart{PartNumber: number, ETag: part.ETag})
	u.size += int64(len(data))
	return nil
}

// begin asks the store for an upload id, once. A cancelled context does not
// tear the request: an upload that the store began and whose id nobody has
// read could never be removed.
func (u *upload) begin(ctx context.Context) error {
	if u.id != "" {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}

	lasting, cancel := outlive(ctx, afterCancel)
	defer cancel()
	id, err := u.store.NewMultipartUpload(lasting, u.bucket, u.name, minio.PutObjectOptions{ServerSideEncryption: u.encryption})
	if err != nil {
		return explain(err)
	}
	u.id = id
	return ctx.Err()
}

// complete makes the object of its parts. This is the point of no return: a
// context that ends while the store is at it does not stop it, or nobody could
// say whether there is an object.
func (u *upload) complete(ctx context.Context) (minio.UploadInfo, error) {
	if err := ctx.Err(); err != nil {
		return minio.UploadInfo{}, err
	}
	lasting, cancel := outlive(ctx, afterCancel)
	defer cancel()

	info, err := u.store.CompleteMultipartUpload(lasting, u.bucket, u.name, u.id, u.parts, minio.PutObjectOptions{})
	if err != nil {
		return minio.UploadInfo{}, explain(err)
	}
	u.id = "" // nothing is left to abort
	return info, nil
}

// abort removes the parts sent so far, though ctx may have ended.
func (u *upload) abort(ctx context.Context) error {
	if u.id == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	return abort(ctx, u.store, u.bucket, u.name, u.id)
}

// abort removes one unfinished upload. One that is gone is no error.
func abort(ctx context.Context, store minio.Core, bucket, name, id string) error {
	err := store.AbortMultipartUpload(ctx, bucket, name, id)
	if err != nil && minio.ToErrorResponse(err).Code != minio.NoSuchUpload {
		return fmt.Errorf("an unfinished upload stays behind: %w", explain(err))
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
