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

// List returns the objects below prefix in the order of their keys. It ends after the
// first error. An empty prefix means all objects below the bucket's own prefix.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		name, err := b.config.prefix, error(nil)
		if prefix != "" {
			if name, err = b.folder(prefix); err != nil {
				yield(Object{}, fmt.Errorf("storage: list: %w", err))
				return
			}
		}
		for info, err := range b.objects(ctx, name) {
			if err != nil {
				err = fmt.Errorf("storage: list %s: %w", prefix, err)
			}
			if !yield(Object{Key: strings.TrimPrefix(info.Key, b.config.prefix), Size: info.Size, ETag: info.ETag}, err) {
				return
			}
		}
	}
}

// objects returns the objects whose names start with name. It ends after the first error.
func (b *Bucket) objects(ctx context.Context, name string) iter.Seq2[minio.ObjectInfo, error] {
	return b.listing(ctx, b.store.Client, minio.ListObjectsOptions{Prefix: name, Recursive: true})
}

// listing returns the results of a listing. It ends after the first error.
func (b *Bucket) listing(ctx context.Context, client *minio.Client, opts minio.ListObjectsOptions) iter.Seq2[minio.ObjectInfo, error] {
	return func(yield func(minio.ObjectInfo, error) bool) {
		for info := range client.ListObjectsIter(ctx, b.config.bucket, opts) {
			if info.Err != nil {
				yield(minio.ObjectInfo{}, explain(info.Err))
				return
			}
			if !yield(info, nil) {
				return
			}
		}
		// minio-go ends a listing without an error when the context ends.
		if err := ctx.Err(); err != nil {
			yield(minio.ObjectInfo{}, err)
		}
	}
}

// Delete deletes the object under key. A missing object is not an error.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	name, err := b.name(key)
	if err != nil {
		return fmt.Errorf("storage: delete: %w", err)
	}
	if err := b.store.RemoveObject(ctx, b.config.bucket, name, minio.RemoveObjectOptions{}); err != nil {
		return fmt.Errorf("storage: delete %s: %w", key, explain(err))
	}
	return nil
}

// DeleteUnder deletes all objects and unfinished uploads below prefix. Uploads of a
// killed process are in no listing of objects but occupy space. It is not an error if
// there is nothing to delete, but an empty prefix is. "a" matches "a/b", not "ab".
//
// DeleteUnder can miss an upload that starts while it runs; the caller must ensure that
// the writers have stopped. It continues after an object that cannot be deleted; the
// error names the first. In a versioned bucket, older versions stay.
func (b *Bucket) DeleteUnder(ctx context.Context, prefix string) error {
	name, err := b.folder(prefix)
	if err != nil {
		return fmt.Errorf("storage: delete under: %w", err)
	}
	// Uploads first: an upload that is completed meanwhile is found as an object.
	if err := errors.Join(b.deleteUploads(ctx, name), b.deleteObjects(ctx, name)); err != nil {
		return fmt.Errorf("storage: delete under %s: %w", prefix, err)
	}
	return nil
}

// DeleteUploadsUnder deletes the unfinished uploads below prefix, as DeleteUnder does,
// but no objects.
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

// deleteObjects deletes the objects whose names start with name, up to a thousand per
// request.
func (b *Bucket) deleteObjects(ctx context.Context, name string) error {
	var listing error
	found := func(yield func(minio.ObjectInfo) bool) {
		for info, err := range b.objects(ctx, name) {
			if listing = err; err != nil || !yield(info) {
				return
			}
		}
	}

	results, err := b.store.RemoveObjectsWithIter(ctx, b.config.bucket, found, minio.RemoveObjectsOptions{})
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
			first = fmt.Errorf("%s: %w", strings.TrimPrefix(result.ObjectName, b.config.prefix), explain(result.Err))
		}
	}
	if count > 1 {
		first = fmt.Errorf("could not delete %d objects, the first is %w", count, first)
	}
	return errors.Join(listing, first)
}

// deleteUploads aborts the unfinished uploads whose names start with name.
func (b *Bucket) deleteUploads(ctx context.Context, name string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	var failed []error
	for info := range b.store.ListIncompleteUploads(ctx, b.config.bucket, b.uploadFilter(name), true) {
		switch {
		case info.Err != nil:
			failed = append(failed, explain(info.Err))
		case strings.HasPrefix(info.Key, name):
			failed = append(failed, abort(ctx, b.store, b.config.bucket, info.Key, info.UploadID))
		}
	}
	return errors.Join(failed...)
}

// uploadFilter returns the prefix for listing the unfinished uploads below name. Amazon
// accepts any prefix. MinIO interprets the prefix as the key of one object and lists all
// uploads only without one, so other stores are asked for the whole bucket.
func (b *Bucket) uploadFilter(name string) string {
	if s3utils.IsAmazonEndpoint(*b.config.endpoint) {
		return name
	}
	return ""
}
