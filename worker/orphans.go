package worker

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/storage"
)

// Orphans returns the folders of exports that the state database does not have and in
// which nothing was written since the time before, sorted by the time of their last
// change.
//
// It lists the bucket before the exports, because the record of an export is older than
// its files.
func Orphans(ctx context.Context, bucket *storage.Bucket, store *jobs.Store, before time.Time) ([]storage.Folder, error) {
	folders, err := bucket.Folders(ctx, func(name string) bool {
		_, ok := exportFolder(name)
		return ok
	})
	if err != nil || len(folders) == 0 {
		return nil, err
	}
	ids := make([]uuid.UUID, len(folders))
	for i, folder := range folders {
		ids[i], _ = exportFolder(folder.Name)
	}
	known, err := store.FilterExisting(ctx, ids)
	if err != nil {
		return nil, err
	}
	orphans := slices.DeleteFunc(folders, func(folder storage.Folder) bool {
		id, _ := exportFolder(folder.Name)
		return slices.Contains(known, id) || folder.Changed.After(before)
	})
	slices.SortFunc(orphans, func(a, b storage.Folder) int {
		return cmp.Or(a.Changed.Compare(b.Changed), strings.Compare(a.Name, b.Name))
	})
	return orphans, nil
}

// exportFolder returns the id of the export that a folder belongs to. It reports whether
// the name is one: a random UUID as jobs writes it.
func exportFolder(name string) (uuid.UUID, bool) {
	id, err := uuid.Parse(name)
	return id, err == nil && id.Version() == 4 && id.String() == name
}
