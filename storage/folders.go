package storage

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
)

// Folder is the set of objects and uploads whose keys have the same first segment.
type Folder struct {
	// Name is that segment, without the slash.
	Name string

	// Objects and Bytes are the number and size of the objects, Uploads the number of
	// unfinished uploads.
	Objects, Uploads int
	Bytes            int64

	// Changed is when the latest of them was written or started.
	Changed time.Time
}

func (f *Folder) add(at time.Time) {
	if at.After(f.Changed) {
		f.Changed = at
	}
}

// Folders returns the folders of the bucket's prefix for whose names match returns true,
// in undefined order. It does not list the objects of other folders.
func (b *Bucket) Folders(ctx context.Context, match func(name string) bool) ([]Folder, error) {
	byName := map[string]*Folder{}
	folder := func(name string) *Folder {
		if byName[name] == nil {
			byName[name] = &Folder{Name: name}
		}
		return byName[name]
	}
	for info, err := range b.listing(ctx, b.store.Client, minio.ListObjectsOptions{Prefix: b.config.prefix}) {
		if err != nil {
			return nil, fmt.Errorf("storage: list folders: %w", err)
		}
		name, isFolder := strings.CutSuffix(strings.TrimPrefix(info.Key, b.config.prefix), "/")
		if !isFolder || !match(name) {
			continue
		}
		for info, err := range b.objects(ctx, b.config.prefix+name+"/") {
			if err != nil {
				return nil, fmt.Errorf("storage: list %s: %w", name, err)
			}
			f := folder(name)
			f.Objects++
			f.Bytes += info.Size
			f.add(info.LastModified)
		}
	}
	for info := range b.store.ListIncompleteUploads(ctx, b.config.bucket, b.uploadFilter(b.config.prefix), true) {
		if info.Err != nil {
			return nil, fmt.Errorf("storage: list uploads: %w", explain(info.Err))
		}
		key, inPrefix := strings.CutPrefix(info.Key, b.config.prefix)
		name, _, inFolder := strings.Cut(key, "/")
		if inPrefix && inFolder && match(name) {
			f := folder(name)
			f.Uploads++
			f.add(info.Initiated)
		}
	}
	if err := ctx.Err(); err != nil { // minio-go then ends a listing without an error
		return nil, fmt.Errorf("storage: list folders: %w", err)
	}
	folders := make([]Folder, 0, len(byName))
	for _, f := range byName {
		folders = append(folders, *f)
	}
	return folders, nil
}
