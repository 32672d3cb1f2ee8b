package storage

import (
	"context"
	"errors"
	"io"
)

// Object is an object in the bucket.
type Object struct {
	Key  string // relative to the bucket's prefix
	Size int64  // bytes
	ETag string // the store's mark of this version, without quotes
}

// Stage uploads the data of r without publishing it. Create replaces it.
func (b *Bucket) Stage(ctx context.Context, key string, r io.Reader) (*Staged, error) {
	w, err := b.Create(ctx, key)
	if err != nil {
		return nil, err
	}
	_, err = w.ReadFrom(r)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, errors.Join(err, w.Abort(ctx))
	}
	return &Staged{w}, nil
}

// Staged is an object that is in the store but not visible.
type Staged struct{ w *Writer }

// Publish makes the object visible.
func (s *Staged) Publish(ctx context.Context) (Object, error) { return s.w.Publish(ctx) }

// Discard removes what was staged.
func (s *Staged) Discard(ctx context.Context) error { return s.w.Abort(ctx) }
