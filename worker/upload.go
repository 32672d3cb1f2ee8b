package worker

import (
	"cmp"
	"context"
	"errors"
	"io"

	"github.com/seed-90096f4d/sluice/dump"
	"github.com/seed-90096f4d/sluice/storage"
)

var (
	// errNoRows breaks the upload of a part without rows before anything of it
	// was sent: not even the header of an empty gzip file fills a buffer.
	errNoRows = errors.New("nothing to upload")

	// errNotRead ends a dump whose upload has ended.
	errNotRead = errors.New("the upload has ended")
)

// upload dumps the rows, compressed and hashed, into the bucket, where they
// wait to be published. Without rows there is nothing to publish.
func upload(ctx context.Context, bucket *storage.Bucket, key, resourceType string, rows dump.RowsFunc, opts dump.Options) (dump.Result, stagedPart, error) {
	opts.Gzip, opts.SHA256 = true, true
	return send(ctx, bucket, key, func(w io.Writer) (dump.Result, error) {
		return dump.Write(ctx, w, resourceType, rows, opts)
	})
}

// send uploads what write writes.
func send(ctx context.Context, bucket *storage.Bucket, key string, write func(io.Writer) (dump.Result, error)) (dump.Result, stagedPart, error) {
	var staged stagedPart
	var stageErr error
	ended := make(chan struct{})
	reader, writer := io.Pipe()
	go func() {
		defer close(ended)
		staged.object, stageErr = bucket.Stage(ctx, key, reader)
		_ = reader.CloseWithError(cmp.Or(stageErr, errNotRead))
	}()

	result, err := write(writer)
	if err == nil && result.Rows == 0 {
		err = errNoRows
	}
	// An error here is what Stage reads; only nil makes the object whole.
	_ = writer.CloseWithError(err)
	<-ended

	if errors.Is(err, errNoRows) {
		return result, stagedPart{}, nil
	}
	return result, staged, cmp.Or(err, stageErr)
}

// stagedPart is what a part has sent to the store and nobody can read yet: its
// object, and that of its outcomes. Either can be missing.
type stagedPart struct{ object, outcomes *storage.Staged }

func (p stagedPart) publish(ctx context.Context) error {
	return p.each(func(staged *storage.Staged) error {
		_, err := staged.Publish(ctx)
		return err
	})
}

func (p stagedPart) discard(ctx context.Context) error {
	return p.each(func(staged *storage.Staged) error { return staged.Discard(ctx) })
}

func (p stagedPart) each(do func(*storage.Staged) error) error {
	var errs []error
	for _, staged := range []*storage.Staged{p.object, p.outcomes} {
		if staged != nil {
			errs = append(errs, do(staged))
		}
	}
	return errors.Join(errs...)
}
