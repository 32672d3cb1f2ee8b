package storage

import (
	"context"
	"fmt"
	"io"

	"github.com/minio/minio-go/v7"
)

// Stat returns the object under key, or ErrNoObject.
func (b *Bucket) Stat(ctx context.Context, key string) (Object, error) {
	name, err := b.name(key)
	if err != nil {
		return Object{}, fmt.Errorf("storage: stat: %w", err)
	}
	info, err := b.store.StatObject(ctx, b.config.bucket, name, minio.StatObjectOptions{})
	if err != nil {
		return Object{}, fmt.Errorf("storage: stat %s: %w", key, explain(err))
	}
	return Object{Key: key, Size: info.Size, ETag: info.ETag}, nil
}

// Read returns a reader of length bytes of the object from offset; a length of 0 means
// up to its end. If object has an ETag, only this version is read. The caller must close
// the reader, which returns io.ErrUnexpectedEOF if the response is incomplete. Read
// returns ErrNoObject if there is no such object or version.
func (b *Bucket) Read(ctx context.Context, object Object, offset, length int64) (io.ReadCloser, error) {
	key := object.Key
	name, err := b.name(key)
	if err != nil {
		return nil, fmt.Errorf("storage: read: %w", err)
	}
	opts := minio.GetObjectOptions{}
	if object.ETag != "" {
		if err := opts.SetMatchETag(object.ETag); err != nil {
			return nil, fmt.Errorf("storage: read %s: %w", key, err)
		}
	}
	if offset > 0 || length > 0 {
		last := int64(0) // means the end of the object if the offset is not 0
		if length > 0 {
			last = offset + length - 1
		}
		if err := opts.SetRange(offset, last); err != nil {
			return nil, fmt.Errorf("storage: read %s: %w", key, err)
		}
	}
	body, _, _, err := b.store.GetObject(ctx, b.config.bucket, name, opts)
	if err != nil {
		return nil, fmt.Errorf("storage: read %s: %w", key, explain(err))
	}
	return body, nil
}
