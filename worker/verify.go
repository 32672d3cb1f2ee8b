package worker

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/jobs/manifest"
	"github.com/seed-90096f4d/sluice/storage"
)

// verify compares the bucket with the files of the export, whose parts are all done,
// and returns the keys of the files that are missing or not as recorded. If there are
// none, it deletes the objects that are not files of the export: the index of patient
// blocks, and what failed attempts have left.
//
// It deletes unfinished uploads first, so that none can become a file later.
func (w *exportWorker) verify(ctx context.Context, export jobs.Export, files jobs.Files) (damaged []string, err error) {
	folder := export.ID.String() + "/"
	if err := w.config.Bucket.DeleteUploadsUnder(ctx, folder); err != nil {
		return nil, err
	}
	recorded := map[string]jobs.File{}
	for _, file := range slices.Concat(files.Output, files.Deleted, files.Outcomes) {
		recorded[file.ObjectKey] = file
	}
	// Complete publishes these, and another process may have come this far.
	kept := []string{jobs.WarningsKey(export.ID), folder + manifest.Name}
	var strays []string

	for object, err := range w.config.Bucket.List(ctx, folder) {
		if err != nil {
			return nil, err
		}
		file, found := recorded[object.Key]
		if !found {
			if !slices.Contains(kept, object.Key) {
				strays = append(strays, object.Key)
			}
			continue
		}
		intact, err := w.isIntact(ctx, object, file)
		if intact {
			delete(recorded, object.Key)
			if object.ETag != file.ETag {
				err = w.store.SetETag(ctx, export, file, object.ETag)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	if len(recorded) > 0 {
		return slices.Sorted(maps.Keys(recorded)), nil
	}
	for _, key := range strays {
		if err := w.config.Bucket.Delete(ctx, key); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// isIntact reports whether the object is the file as it was written. If only its ETag
// differs, the content decides: some stores list another ETag than they return at the
// end of an upload.
func (w *exportWorker) isIntact(ctx context.Context, object storage.Object, file jobs.File) (bool, error) {
	if object.Size != file.Bytes || object.ETag == file.ETag {
		return object.Size == file.Bytes, nil
	}
	body, err := w.config.Bucket.Read(ctx, object, 0, 0)
	if errors.Is(err, storage.ErrNoObject) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = body.Close() }()
	hash := sha256.New()
	if _, err := io.Copy(hash, body); err != nil {
		return false, fmt.Errorf("read %s: %w", object.Key, err)
	}
	return bytes.Equal(hash.Sum(nil), file.SHA256), nil
}

// maxListed is how many damaged files a log message lists.
const maxListed = 20

// repair requeues the parts whose files the object store lost or changed, and reports
// whether there were any. All parts must be done.
func (w *exportWorker) repair(ctx context.Context, export jobs.Export) (bool, error) {
	files, err := w.store.Files(ctx, export.ID)
	if err != nil {
		return false, err
	}
	damaged, err := w.verify(ctx, export, files)
	if err != nil || len(damaged) == 0 {
		return false, err
	}
	w.config.Logger.WarnContext(ctx, "object store lost or changed files", "export", export.ID,
		"count", len(damaged), "files", damaged[:min(len(damaged), maxListed)])
	return true, w.store.Repair(ctx, export, damaged)
}

// upload stores an object that belongs to no part, and returns its ETag as the store
// lists it. It returns an error unless the store has the object as it was written.
func (w *exportWorker) upload(ctx context.Context, key string, content []byte) (etag string, err error) {
	written, err := w.config.Bucket.Upload(ctx, key, bytes.NewReader(content))
	if err != nil {
		return "", err
	}
	stored, err := w.config.Bucket.Stat(ctx, key)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(content)
	intact, err := w.isIntact(ctx, stored, jobs.File{Bytes: written.Size, ETag: written.ETag, SHA256: sum[:]})
	if err == nil && !intact {
		err = fmt.Errorf("%s in the object store is not what was written", key)
	}
	return stored.ETag, err
}
