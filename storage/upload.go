package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Object is an object in the bucket.
type Object struct {
	Key  string // relative to the bucket's prefix
	Size int64  // bytes
	ETag string // the store's mark of this version, without quotes
}

// Upload stores what r gives under key, replacing what was there, and returns
// once the object can be read. The object appears whole or not at all: when r
// fails, or ctx ends, or the store refuses, nothing of it is left behind and
// what stood under key before stays. Only when the store's answer to the very
// last request is lost can the object be there, and whole, in spite of an
// error. The error wraps r's own.
func (b *Bucket) Upload(ctx context.Context, key string, r io.Reader) (Object, error) {
	staged, err := b.Stage(ctx, key, r)
	if err != nil {
		return Object{}, err
	}
	object, err := staged.Publish(ctx)
	if err != nil {
		return Object{}, errors.Join(err, staged.Discard(ctx))
	}
	return object, nil
}

// Stage sends what r gives to the store without making it visible: Publish does
// that, Discard removes it, and the caller must do one of them. When Stage
// itself fails, nothing is left behind. The error wraps r's own.
//
// The size need not be known. Memory is two buffers of 5 MiB, whatever the
// size: one is filled while the other is sent. Stage can't wake up a Read that
// blocks: r must end by itself when ctx does, as a pipe does whose writer stops.
//
// Every object, however small, is a multipart upload. minio-go would send a
// small one in a single request marked aws-chunked, which some stores keep as
// the object's Content-Encoding.
func (b *Bucket) Stage(ctx context.Context, key string, r io.Reader) (*Staged, error) {
	name, err := b.name(key)
	if err != nil {
		return nil, fmt.Errorf("storage: upload: %w", err)
	}

	buffers := &buffers{pool: &b.buffers}
	defer buffers.giveBack() // no request reads them any more
	u := &upload{store: b.store, bucket: b.place.bucket, name: name, encryption: b.place.encryption}
	if err := u.run(ctx, r, buffers); err != nil {
		return nil, fmt.Errorf("storage: upload %s: %w", key, err)
	}
	return &Staged{key: key, upload: u}, nil
}

// Staged is an object that is in the store whole but can't be read yet.
type Staged struct {
	key    string
	upload *upload
}

// Publish makes the object readable under its key, replacing what was there.
// When the store does not answer, nobody knows whether it did; an upload under
// the same key, or deleting it, makes certain.
func (s *Staged) Publish(ctx context.Context) (Object, error) {
	done, err := s.upload.complete(ctx)
	if err != nil {
		return Object{}, fmt.Errorf("storage: publish %s: %w", s.key, err)
	}
	return Object{Key: s.key, Size: s.upload.size, ETag: done.ETag}, nil
}

// Discard removes what was staged, though ctx may have ended. It does not
// touch what stands under the key.
func (s *Staged) Discard(ctx context.Context) error {
	if err := s.upload.abort(ctx); err != nil {
		return fmt.Errorf("storage: discard %s: %w", s.key, err)
	}
	return nil
}
