package storage

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
)

// Folder is what has keys with a common part before the first slash.
type Folder struct {
	// Name is that part, without the slash.
	Name string

	// Objects and Bytes count the objects, Uploads the uploads that were begun and
	// never finished.
	Objects, Uploads int
	Bytes            int64

	// Changed is when the last of them was written or begun.
	Changed time.Time
}

func (f *Folder) add(at time.Time) {
	if at.After(f.Changed) {
		f.Changed = at
	}
}

// Folders lists the folders at the top of the bucket's prefix whose names are
// wanted, in no order that is promised. Objects of other folders are not looked at.
func (b *Bucket) Folders(ctx context.Context, wanted func(name string) bool) ([]Folder, error) {
	byName := map[string]*Folder{}
	folder := func(name string) *Folder {
		if byName[name] == nil {
			byName[name] = &Folder{Name: name}
		}
		return byName[name]
	}
	for info := range b.store.ListObjectsIter(ctx, b.place.bucket, minio.ListObjectsOptions{Prefix: b.place.prefix}) {
		if info.Err != nil {
			return nil, fmt.Errorf("storage: list folders: %w", explain(info.Err))
		}
		name, isFolder := strings.CutSuffix(strings.TrimPrefix(info.Key, b.place.prefix), "/")
		if !isFolder || !wanted(name) {
			continue
		}
		for info := range b.objects(ctx, b.place.prefix+name+"/") {
			if info.Err != nil {
				return nil, fmt.Errorf("storage: list %s: %w", name, explain(info.Err))
			}
			f := folder(name)
			f.Objects++
			f.Bytes += info.Size
			f.add(info.LastModified)
		}
	}
	for info := range b.store.ListIncompleteUploads(ctx, b.place.bucket, b.uploadFilter(b.place.prefix), true) {
		if info.Err != nil {
			return nil, fmt.Errorf("storage: list uploads: %w", explain(info.Err))
		}
		key, inPrefix := strings.CutPrefix(info.Key, b.place.prefix)
		name, _, inFolder := strings.Cut(key, "/")
		if inPrefix && inFolder && wanted(name) {
			f := folder(name)
			f.Uploads++
			f.add(info.Initiated)
		}
	}
	if err := ctx.Err(); err != nil { // minio-go ends a listing then without a word
		return nil, fmt.Errorf("storage: list folders: %w", err)
	}
	folders := make([]Folder, 0, len(byName))
	for _, f := range byName {
		folders = append(folders, *f)
	}
	return folders, nil
}
