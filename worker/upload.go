package worker

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
)

// fileSuffix ends the key of each file.
const fileSuffix = ".ndjson.gz"

// fileKey is where the n-th file of a part goes, counted from 1, if the first
// goes to objectKey: Patient.0003.ndjson.gz, Patient.0003-2.ndjson.gz and so on.
// Those of other parts have another number before the hyphen.
func fileKey(objectKey string, n int) string {
	if n == 1 {
		return objectKey
	}
	return fmt.Sprintf("%s-%d%s", strings.TrimSuffix(objectKey, fileSuffix), n, fileSuffix)
}

// written is what a part has written: its files, and for each of them, in the same
// order, what the store has and nobody can read yet.
type written struct {
	files  []jobs.File
	staged []*storage.Staged
}

// publishAtOnce is how many files of a part are made visible at the same time.
const publishAtOnce = 8

// publish makes the files visible and sets their ETags.
func (w written) publish(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(publishAtOnce)
	for i, staged := range w.staged {
		group.Go(func() error {
			object, err := staged.Publish(ctx)
			w.files[i].ETag = object.ETag
			return err
		})
	}
	return group.Wait()
}

func (w written) discard(ctx context.Context) error {
	var errs []error
	for _, staged := range w.staged {
		errs = append(errs, staged.Discard(ctx))
	}
	return errors.Join(errs...)
}

// uploader sends the files of a part to the store, one after the other, where
// they wait to be published.
type uploader struct {
	bucket    *storage.Bucket
	objectKey string
	staged    []*storage.Staged
	current   *upload
}

// upload is a file on its way.
type upload struct {
	writer *io.PipeWriter
	ended  chan struct{}
	staged *storage.Staged
	err    error
}

// errNotRead ends a dump whose upload has ended.
var errNotRead = errors.New("the upload has ended")

// send uploads what write writes as files of this kind. Files are there also
// when an error is returned.
func (u *uploader) send(ctx context.Context, kind jobs.FileKind, resourceType string, write func(ndjson.NextFunc) ([]ndjson.File, error)) (written, error) {
	files, err := write(func() (io.Writer, error) { return u.next(ctx) })
	err = cmp.Or(err, u.end(err))

	sent := written{staged: u.staged}
	if err != nil {
		return sent, err
	}
	for i, file := range files {
		sent.files = append(sent.files, jobs.File{
			Kind:         kind,
			ResourceType: resourceType,
			ObjectKey:    fileKey(u.objectKey, i+1),
			Resources:    file.Rows,
			PlainBytes:   file.PlainBytes,
			MaxLineBytes: file.MaxLineBytes,
			Bytes:        file.Bytes,
			SHA256:       file.SHA256[:],
			Continues:    file.Continues,
		})
	}
	return sent, nil
}

// next waits until the file before has been sent, and begins another: there is
// never more than one buffer.
func (u *uploader) next(ctx context.Context) (io.Writer, error) {
	if err := u.end(nil); err != nil {
		return nil, err
	}
	key := fileKey(u.objectKey, len(u.staged)+1)
	reader, writer := io.Pipe()
	current := &upload{writer: writer, ended: make(chan struct{})}
	u.current = current
	go func() {
		defer close(current.ended)
		current.staged, current.err = u.bucket.Stage(ctx, key, reader)
		_ = reader.CloseWithError(cmp.Or(current.err, errNotRead))
	}()
	return writer, nil
}

// end ends the file being sent, if there is one. An error is what Stage reads,
// which then leaves nothing behind; only nil makes the file whole.
func (u *uploader) end(err error) error {
	current := u.current
	if current == nil {
		return nil
	}
	u.current = nil
	_ = current.writer.CloseWithError(err)
	<-current.ended
	if current.staged != nil {
		u.staged = append(u.staged, current.staged)
	}
	return current.err
}
