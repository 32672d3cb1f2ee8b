// Package output stores the files of an export: in a directory, in a bucket, or on
// standard output. It must not know servers and what the files contain.
package output

import (
	"context"
	"errors"
	"io"
	"io/fs"
)

// Output is a place for the files of an export.
type Output interface {
	// Lock excludes other runs until unlock is called or the process ends. The error is
	// ErrLocked if another run holds the lock. The run must use the context held, which
	// ends with the cause ErrLockLost if the lock cannot be kept. The warn function is
	// called if it takes a while to find out whether another run holds the lock.
	Lock(ctx context.Context, warn func(text string)) (held context.Context, unlock func(), err error)
	// ReadDocument returns a small document; the error is fs.ErrNotExist if it does not exist.
	ReadDocument(ctx context.Context, name string) ([]byte, error)
	// WriteDocument replaces a document as a whole: after a crash, the old or the new one
	// is there.
	WriteDocument(ctx context.Context, name string, content []byte) error
	// RemoveDocument removes a document or a stored file, if it exists.
	RemoveDocument(ctx context.Context, name string) error
	// Create returns the file of a name, with what an earlier run has received of it. Names
	// may contain slashes; they never contain "..".
	Create(ctx context.Context, name string) (File, error)
	// Discard removes what an interrupted run has received of a file, and a rejected file of
	// that name, if there is anything.
	Discard(ctx context.Context, name string) error
	// Open opens a stored file; the error is fs.ErrNotExist if it does not exist.
	Open(ctx context.Context, name string) (io.ReadCloser, error)
	// Sequential reports that files must be written one after the other, in order, and
	// plain (standard output).
	Sequential() bool
	// String describes the output for messages, without secrets.
	String() string
}

// File is a file that is being written. Until it is published it is not visible under its
// name.
type File interface {
	io.Writer
	// Partial returns the bytes of an interrupted run, which may be empty. It is
	// called before the first Write, and may be called again.
	Partial(ctx context.Context) (io.ReadCloser, error)
	// Truncate keeps the first size bytes. All outputs can do that for 0 and for the bytes
	// written so far; those that cannot for other sizes return ErrNotTruncatable.
	Truncate(size int64) error
	// SetName sets the final name. It is called while the file is empty or has only
	// partial bytes.
	SetName(name string) error
	// Publish stores the file under its final name, durably.
	Publish(ctx context.Context) error
	// Reject keeps the file under its final name + ".bad" for inspection, as far as the
	// output can.
	Reject(ctx context.Context) error
	// Close releases the file and keeps its partial content for a later run, as far as the
	// output can.
	Close() error
}

// Errors of outputs.
var (
	ErrLocked         = errors.New("another run uses this output")
	ErrLockLost       = errors.New("the lock of the output was lost")
	ErrNotTruncatable = errors.New("the output cannot take bytes back")
	ErrChanged        = errors.New("the file has changed on the server since it was written to standard output")
)

// ErrNotExist is fs.ErrNotExist.
var ErrNotExist = fs.ErrNotExist
