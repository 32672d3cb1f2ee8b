package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/storage"
	"github.com/seed-90096f4d/sluice/worker/plan"
)

// Files are the staged files of a part.
type Files struct {
	Files []jobs.File

	// Issues is the number of values that could not be converted to FHIR.
	Issues int64

	// objects are the uploads of the files, in the same order. After an error there can
	// be more of them.
	objects []*storage.Writer
}

// maxPublish is the number of objects of a part that are published at the same time.
const maxPublish = 8

// Publish makes the files visible and sets their ETags.
func (f Files) Publish(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxPublish)
	for i, object := range f.objects {
		group.Go(func() error {
			published, err := object.Publish(ctx)
			f.Files[i].ETag = published.ETag
			return err
		})
	}
	return group.Wait()
}

// Discard removes what is staged and not published.
func (f Files) Discard(ctx context.Context) error {
	var errs []error
	for _, object := range f.objects {
		errs = append(errs, object.Abort(ctx))
	}
	return errors.Join(errs...)
}

// fileKey returns the key of the number-th file of a part, counted from 1, whose
// first file has objectKey: Patient.0003.ndjson.gz, Patient.0003-2.ndjson.gz and so
// on. Other parts have another number before the hyphen.
func fileKey(objectKey string, number int) string {
	if number == 1 {
		return objectKey
	}
	return fmt.Sprintf("%s-%d%s", strings.TrimSuffix(objectKey, plan.FileSuffix), number, plan.FileSuffix)
}

// create begins the upload of an object of the task.
func (t *Task) create(ctx context.Context, key string) (*storage.Writer, error) {
	object, err := t.Bucket.Create(ctx, key)
	if err == nil {
		t.files.objects = append(t.files.objects, object)
	}
	return object, err
}

// closeLast completes the upload of the last object, which frees its buffers.
func (t *Task) closeLast() error {
	if len(t.files.objects) == 0 {
		return nil
	}
	return t.files.objects[len(t.files.objects)-1].Close()
}

// NextFile begins the next file of the task's output. It is an ndjson.NextFunc.
func (t *Task) NextFile(ctx context.Context) (io.Writer, error) {
	if err := t.closeLast(); err != nil {
		return nil, err
	}
	return t.create(ctx, fileKey(t.Part.ObjectKey, len(t.files.objects)+1))
}

// Finish completes the task's output, which is files of this kind. err is the error of
// writing them, which it returns.
func (t *Task) Finish(kind jobs.FileKind, resourceType string, files []ndjson.File, err error) error {
	if err == nil {
		err = t.closeLast()
	}
	if err != nil {
		return err
	}
	for i, file := range files {
		t.files.Files = append(t.files.Files, jobs.File{
			Kind:         kind,
			ResourceType: resourceType,
			ObjectKey:    fileKey(t.Part.ObjectKey, i+1),
			Resources:    file.Rows,
			PlainBytes:   file.PlainBytes,
			MaxLineBytes: file.MaxLineBytes,
			Bytes:        file.Bytes,
			SHA256:       t.files.objects[i].SHA256(),
			Continues:    file.Continues,
		})
	}
	return nil
}
