package storage

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/s3utils"
)

// List goes through the objects below prefix, in the order of their keys. It
// ends after the first error. An empty prefix means the whole of the bucket's
// own prefix.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		name := b.place.prefix
		if prefix != "" {
			var err error
			if name, err = b.folder(prefix); err != nil {
				yield(Object{}, fmt.Errorf("storage: list: %w", err))
				return
			}
		}
		for info := range b.objects(ctx, name) {
			if info.Err != nil {
				yield(Object{}, fmt.Errorf("storage: list %s: %w", prefix, explain(info.Err)))
				return
			}
			object := Object{Key: strings.TrimPrefix(info.Key, b.place.prefix), Size: info.Size, ETag: info.ETag}
			if !yield(object, nil) {
				return
			}
		}
		// minio-go ends a listing whose context has ended without a word.
		if err := ctx.Err(); err != nil {
			yield(Object{}, fmt.Errorf("storage: list %s: %w", prefix, err))
		}
	}
}

// objects goes through the objects whose names start with name.
func (b *Bucket) objects(ctx context.Context, name string) iter.Seq[minio.ObjectInfo] {
	return b.store.ListObjectsIter(ctx, b.place.bucket, minio.ListObjectsOptions{Prefix: name, Recursive: true})
}

// Delete removes the object under key. That there is none is no error.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	name, err := b.name(key)
	if err != nil {
		return fmt.Errorf("storage: delete: %w", err)
	}
	if err := b.store.RemoveObject(ctx, b.place.bucket, name, minio.RemoveObjectOptions{}); err != nil {
		return fmt.Errorf("storage: delete %s: %w", key, explain(err))
	}
	return nil
}

// DeleteUnder removes all objects below prefix, and all uploads below it that
// were begun and never finished: those of a killed process are seen in no
// listing and paid for all the same. That there is nothing is no error; an
// empty prefix is one. "a" means what is below "a/", not "ab".
//
// An upload that begins while DeleteUnder runs can be missed; it is for the
// caller to see that the writers have stopped. It goes on after an object that
// can't be removed, and the error names the first. In a bucket with versions
// the older ones stay, under the bucket's own rules.
func (b *Bucket) DeleteUnder(ctx context.Context, prefix string) error {
	name, err := b.folder(prefix)
	if err != nil {
		return fmt.Errorf("storage: delete under: %w", err)
	}
	// Uploads first: one that is completed meanwhile is then an object, and
	// is found as one.
	if err := errors.Join(b.deleteUploads(ctx, name), b.deleteObjects(ctx, name)); err != nil {
		return fmt.Errorf("storage: delete under %s: %w", prefix, err)
	}
	return nil
}

// DeleteUploadsUnder removes the unfinished uploads below prefix, as DeleteUnder
// does, and leaves the objects there.
func (b *Bucket) DeleteUploadsUnder(ctx context.Context, prefix string) error {
	name, err := b.folder(prefix)
	if err == nil {
		err = b.deleteUploads(ctx, name)
	}
	if err != nil {
		return fmt.Errorf("storage: delete uploads under %s: %w", prefix, err)
	}
	return nil
}

// deleteObjects removes the objects whose names start with name, by up to a
// thousand a request.
func (b *Bucket) deleteObjects(ctx context.Context, name string) error {
	var listing error
	found := func(yield func(minio.ObjectInfo) bool) {
		for info := range b.objects(ctx, name) {
			if info.Err != nil {
				listing = explain(info.Err)
				return
			}
			if !yield(info) {
				return
			}
		}
	}

	results, err := b.store.RemoveObjectsWithIter(ctx, b.place.bucket, found, minio.RemoveObjectsOptions{})
	if err != nil {
		return explain(err)
	}
	var first error
	var count int
	for result := range results {
		if result.Err == nil {
			continue
		}
		count++
		if first == nil {
			first = fmt.Errorf("%s: %w", strings.TrimPrefix(result.ObjectName, b.place.prefix), explain(result.Err))
		}
	}
	if count > 1 {
		first = fmt.Errorf("%d objects stay, the first is %w", count, first)
	}
	return errors.Join(listing, first, ctx.Err())
}

// deleteUploads aborts the unfinished uploads whose names start with name.
func (b *Bucket) deleteUploads(ctx context.Context, name string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	var failed []error
	for info := range b.store.ListIncompleteUploads(ctx, b.place.bucket, b.uploadFilter(name), true) {
		switch {
		case info.Err != nil:
			failed = append(failed, explain(info.Err))
		case strings.HasPrefix(info.Key, name):
			failed = append(failed, abort(ctx, b.store, b.place.bucket, info.Key, info.UploadID))
		}
	}
	return errors.Join(failed...)
}

// uploadFilter returns what to ask the store for when looking for unfinished
// uploads below name. Amazon filters them by any prefix. MinIO takes the prefix
// for the whole key of one object and shows all uploads only without one, so
// elsewhere the whole bucket is asked for.
func (b *Bucket) uploadFilter(name string) string {
	if s3utils.IsAmazonEndpoint(*b.place.endpoint) {
		return name
	}
	return ""
}
