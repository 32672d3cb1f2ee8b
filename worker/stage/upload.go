package stage

import (
	"cmp"
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

// Files are the files of a part, and their staged objects in the same order. After
// an error there can be objects without a file.
type Files struct {
	Files  []jobs.File
	staged []*storage.Staged
}

// maxPublish is the number of objects of a part that are published at the same time.
const maxPublish = 8

// Publish makes the files visible and sets their ETags.
func (f Files) Publish(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxPublish)
	for i, staged := range f.staged {
		group.Go(func() error {
			object, err := staged.Publish(ctx)
			f.Files[i].ETag = object.ETag
			return err
		})
	}
	return group.Wait()
}

// Discard removes the staged objects.
func (f Files) Discard(ctx context.Context) error {
	var errs []error
	for _, staged := range f.staged {
		errs = append(errs, staged.Discard(ctx))
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

// Uploader stages the output of a task, file by file.
type Uploader struct {
	ctx     context.Context // of the task: ndjson.NextFunc has none
	task    *Task
	count   int
	current *upload
}

// upload is a file that is being staged.
type upload struct {
	writer *io.PipeWriter
	done   chan struct{}
	staged *storage.Staged
	err    error
}

// errUploadEnded ends writing to an upload that has ended.
var errUploadEnded = errors.New("the upload has ended")

// NewUploader returns an Uploader of the task's output. Finish must be called.
func (t *Task) NewUploader(ctx context.Context) *Uploader { return &Uploader{ctx: ctx, task: t} }

// Next waits until the file before is staged, so that there is never more than one
// buffer, and returns the writer of the next. It is an ndjson.NextFunc.
func (u *Uploader) Next() (io.Writer, error) {
	if err := u.end(nil); err != nil {
		return nil, err
	}
	u.count++
	key := fileKey(u.task.Part.ObjectKey, u.count)
	reader, writer := io.Pipe()
	current := &upload{writer: writer, done: make(chan struct{})}
	u.current = current
	go func() {
		defer close(current.done)
		current.staged, current.err = u.task.Bucket.Stage(u.ctx, key, reader)
		_ = reader.CloseWithError(cmp.Or(current.err, errUploadEnded))
	}()
	return writer, nil
}

// Finish ends the last file and adds all to the task, as files of this kind. err is
// that of writing them.
func (u *Uploader) Finish(kind jobs.FileKind, resourceType string, files []ndjson.File, err error) error {
	if err := cmp.Or(err, u.end(err)); err != nil {
		return err
	}
	for i, file := range files {
		u.task.files.Files = append(u.task.files.Files, jobs.File{
			Kind:         kind,
			ResourceType: resourceType,
			ObjectKey:    fileKey(u.task.Part.ObjectKey, i+1),
			Resources:    file.Rows,
			PlainBytes:   file.PlainBytes,
			MaxLineBytes: file.MaxLineBytes,
			Bytes:        file.Bytes,
			SHA256:       file.SHA256[:],
			Continues:    file.Continues,
		})
	}
	return nil
}

// end completes the file being staged, if there is one and err is nil. Otherwise
// nothing of it is left.
func (u *Uploader) end(err error) error {
	current := u.current
	if current == nil {
		return nil
	}
	u.current = nil
	_ = current.writer.CloseWithError(err)
	<-current.done
	if current.staged != nil {
		u.task.files.staged = append(u.task.files.staged, current.staged)
	}
	return current.err
}
