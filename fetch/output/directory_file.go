package output

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
)

// directoryFile is a file of a directory that is being written.
type directoryFile struct {
	dir  *directory
	part string
	name string
	f    *os.File // nil when it is closed
	size int64
}

// Create implements Output.
func (d *directory) Create(_ context.Context, name string) (File, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if err := d.makeFolders(path.Dir(name)); err != nil {
		return nil, err
	}
	part := name + partSuffix
	f, err := d.root.OpenFile(part, os.O_WRONLY|os.O_CREATE, fileMode)
	if err != nil {
		return nil, err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &directoryFile{dir: d, part: part, name: name, f: f, size: size}, nil
}

// Partial implements File.
func (f *directoryFile) Partial(context.Context) (io.ReadCloser, error) {
	return f.dir.root.Open(f.part)
}

// Write implements io.Writer.
func (f *directoryFile) Write(p []byte) (int, error) {
	if f.f == nil {
		return 0, fs.ErrClosed
	}
	n, err := f.f.Write(p)
	f.size += int64(n)
	return n, err
}

// Truncate implements File.
func (f *directoryFile) Truncate(size int64) error {
	if f.f == nil {
		return fs.ErrClosed
	}
	if size == f.size {
		return nil
	}
	if err := f.f.Truncate(size); err != nil {
		return err
	}
	f.size = size
	_, err := f.f.Seek(size, io.SeekStart)
	return err
}

// SetName implements File.
func (f *directoryFile) SetName(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	f.name = name
	return f.dir.makeFolders(path.Dir(name))
}

// Publish implements File.
func (f *directoryFile) Publish(context.Context) error { return f.store(f.name) }

// Reject implements File.
func (f *directoryFile) Reject(context.Context) error { return f.store(f.name + badSuffix) }

// store writes the content to the disk before it gives the file its name.
func (f *directoryFile) store(name string) error {
	if f.f == nil {
		return fs.ErrClosed
	}
	if err := f.f.Sync(); err != nil {
		return err
	}
	if err := f.close(); err != nil {
		return err
	}
	return f.dir.rename(f.part, name)
}

// Close implements File. A file without a byte is not kept.
func (f *directoryFile) Close() error {
	if f.f == nil {
		return nil
	}
	if f.size == 0 {
		defer func() { _ = f.dir.root.Remove(f.part) }() // it would do no harm
	}
	return f.close()
}

// close closes the open file.
func (f *directoryFile) close() error {
	err := f.f.Close()
	f.f = nil
	return err
}
