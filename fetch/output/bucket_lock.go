package output

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"time"

	"github.com/minio/minio-go/v7"
)

// leaseTimes are the times of the lock of a bucket.
type leaseTimes struct {
	// length is how long a lock is valid after it was renewed, by the clock of the store.
	length time.Duration
	// renewal is how often it is renewed, margin how long before its end the run stops that
	// could not renew it.
	renewal, margin time.Duration
}

// defaultLease are the times of runs.
var defaultLease = leaseTimes{length: time.Minute, renewal: 15 * time.Second, margin: 10 * time.Second}

// leaseDocument is the content of the lock object.
type leaseDocument struct {
	Owner   string `json:"owner"`
	Host    string `json:"host"`
	Process int    `json:"process"`
	Seconds int    `json:"seconds"` // that it is valid
	Renewal int    `json:"renewal"` // makes each content, and thus each ETag, different
}

// lease is a lock object as it was read or written last.
type lease struct {
	leaseDocument
	etag    string
	expired bool
}

// Lock implements Output. The lock is an object that is renewed while the run holds it, and
// that another run takes over when it was not renewed for a minute. If there is a lock, Lock
// waits until it is renewed or expires. Uploads that an earlier run has left below the
// prefix are removed, but not those of outputs below the prefix.
func (b *bucket) Lock(ctx context.Context, warn func(string)) (context.Context, func(), error) {
	held, err := b.acquire(ctx, warn)
	if err != nil {
		return nil, nil, err
	}
	if err := b.removeUploads(ctx); err != nil {
		b.release(ctx, held)
		return nil, nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		b.keep(ctx, held, stop, cancel)
	}()
	return ctx, func() {
		close(stop)
		<-stopped
		cancel(nil)
		b.release(ctx, held)
	}, nil
}

// acquire creates the lock, or takes over an expired one.
func (b *bucket) acquire(ctx context.Context, warn func(string)) (*lease, error) {
	host, _ := os.Hostname() // only for messages
	own := &lease{leaseDocument: leaseDocument{Owner: rand.Text(), Host: host, Process: os.Getpid(), Seconds: int(b.lease.length / time.Second)}}
	seen := ""
	for {
		current, err := b.readLease(ctx)
		switch {
		case err != nil && !errors.Is(err, ErrNotExist):
			return nil, err
		case err == nil && current.Owner == own.Owner: // a response was lost
			own.etag = current.etag
			return own, nil
		case err == nil && seen != "" && current.etag != seen && !current.expired:
			return nil, fmt.Errorf("%w: process %d on %s", ErrLocked, current.Process, current.Host)
		case err == nil && !current.expired:
			if seen == "" {
				warn(fmt.Sprintf("%s has the lock of process %d on %s: waiting up to %ds to see whether it still runs", b, current.Process, current.Host, current.Seconds))
			}
			seen = current.etag
			if err := sleep(ctx, b.lease.renewal/3); err != nil {
				return nil, err
			}
			continue
		}
		err = b.writeLease(ctx, own, current)
		if err == nil || !isConflict(err) {
			return own, err
		}
	}
}

// isConflict reports whether another run has written the lock at the same time.
func isConflict(err error) bool {
	return isCode(err, minio.PreconditionFailed, "ConditionalRequestConflict", "OperationAborted", minio.NoSuchKey) || errors.Is(err, ErrNotExist)
}

// readLease reads the lock. Its age is by the clock of the store.
func (b *bucket) readLease(ctx context.Context) (*lease, error) {
	r, info, header, err := b.get(ctx, LockName)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(r, 4096))
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	l := &lease{etag: info.ETag}
	if err := json.Unmarshal(content, &l.leaseDocument); err != nil {
		return nil, fmt.Errorf("%s/%s is not a lock: %w", b, LockName, err)
	}
	now, err := time.Parse(time.RFC1123, header.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	l.expired = now.Sub(info.LastModified) > time.Duration(l.Seconds)*time.Second
	return l, nil
}

// writeLease writes the lock if nobody else has written it since: replaced is what it was,
// nil for nothing.
func (b *bucket) writeLease(ctx context.Context, own, replaced *lease) error {
	own.Renewal++
	content, err := json.Marshal(own.leaseDocument)
	if err != nil {
		return err
	}
	options := minio.PutObjectOptions{ContentType: contentType(LockName)}
	if replaced == nil {
		options.SetMatchETagExcept("*")
	} else {
		options.SetMatchETag(replaced.etag)
	}
	info, err := b.put(ctx, LockName, content, options)
	if err == nil {
		own.etag = info.ETag
	}
	return err
}

// keep renews the lock until stop is closed. It cancels the run if the lock is lost.
func (b *bucket) keep(ctx context.Context, own *lease, stop <-chan struct{}, cancel context.CancelCauseFunc) {
	renewed := time.Now()
	ticker := time.NewTicker(b.lease.renewal)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
		begin := time.Now()
		until := renewed.Add(b.lease.length - b.lease.margin)
		err := b.renew(context.WithoutCancel(ctx), own, until)
		switch {
		case err == nil:
			renewed = begin
		case errors.Is(err, ErrLockLost), !time.Now().Before(until):
			cancel(ErrLockLost)
			return
		}
	}
}

// renew renews the lock within a time.
func (b *bucket) renew(ctx context.Context, own *lease, until time.Time) error {
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	err := b.writeLease(ctx, own, own)
	if !isConflict(err) {
		return err
	}
	current, err := b.readLease(ctx)
	if err != nil && !errors.Is(err, ErrNotExist) {
		return err
	}
	if err != nil || current.Owner != own.Owner {
		return ErrLockLost
	}
	own.etag = current.etag // a response was lost
	return nil
}

// release removes the lock, if it is still the own one, also if ctx has ended.
func (b *bucket) release(ctx context.Context, own *lease) {
	ctx, cancel := lasting(ctx)
	defer cancel()
	if current, err := b.readLease(ctx); err == nil && current.Owner == own.Owner {
		_ = b.store.RemoveObject(ctx, b.name, b.prefix+LockName, minio.RemoveObjectOptions{}) // else it expires
	}
}

// removeUploads removes unfinished uploads below the prefix. Without a prefix, others may
// use the bucket, and nothing is removed. Credentials need not permit it.
//
// A folder with a lock is another output, whose uploads are left to its next run.
func (b *bucket) removeUploads(ctx context.Context) error {
	if b.prefix == "" {
		return nil
	}
	outputs := map[string]bool{}
	key, id := "", ""
	for {
		page, err := b.store.ListMultipartUploads(ctx, b.name, b.prefix, key, id, "", 1000)
		if isCode(err, minio.AccessDenied, minio.NotImplemented) {
			return nil
		}
		if err != nil {
			return b.explain("", err)
		}
		for _, upload := range page.Uploads {
			nested, err := b.isNested(ctx, upload.Key[len(b.prefix):], outputs)
			if err == nil && !nested {
				err = b.abort(ctx, upload.Key, upload.UploadID)
			}
			if err != nil && !isCode(err, minio.AccessDenied) {
				return err
			}
		}
		if !page.IsTruncated {
			return nil
		}
		key, id = page.NextKeyMarker, page.NextUploadIDMarker
	}
}

// isNested reports whether a file is of an output below the prefix. The result for each
// folder is kept in outputs.
func (b *bucket) isNested(ctx context.Context, name string, outputs map[string]bool) (bool, error) {
	for folder := path.Dir(name); folder != "."; folder = path.Dir(folder) {
		nested, known := outputs[folder]
		if !known {
			_, err := b.store.StatObject(ctx, b.name, b.prefix+folder+"/"+LockName, minio.StatObjectOptions{})
			if err != nil && !isCode(err, minio.NoSuchKey) {
				return false, b.explain(folder+"/"+LockName, err)
			}
			nested = err == nil
			outputs[folder] = nested
		}
		if nested {
			return true, nil
		}
	}
	return false, nil
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
