package output

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
)

// Permissions of what is stored: it is data of patients.
const (
	fileMode   fs.FileMode = 0o600
	folderMode fs.FileMode = 0o700
)

// directory is the output to a directory. Its methods cannot leave the directory, not even
// through symbolic links in it.
type directory struct {
	path string
	root *os.Root
}

// Directory returns the output to a directory, which is created if it is missing. A file
// that is being written is called NAME.part, and a later run continues it. Files and
// folders that are created are accessible only to their owner.
func Directory(dir string) (Output, error) {
	if err := makeDirectory(filepath.Clean(dir)); err != nil {
		return nil, fmt.Errorf("output directory: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("output directory: %w", err)
	}
	return &directory{path: dir, root: root}, nil
}

// makeDirectory creates a directory and those above it, durably.
func makeDirectory(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil // OpenRoot fails if it is no directory
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := makeDirectory(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, folderMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	f, err := os.Open(parent)
	if err != nil {
		return err
	}
	return syncNames(f)
}

// Sequential implements Output.
func (d *directory) Sequential() bool { return false }

// String implements Output.
func (d *directory) String() string { return d.path }

// ReadDocument implements Output.
func (d *directory) ReadDocument(_ context.Context, name string) ([]byte, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	return d.root.ReadFile(name)
}

// WriteDocument implements Output.
func (d *directory) WriteDocument(_ context.Context, name string, content []byte) error {
	if err := checkName(name); err != nil {
		return err
	}
	if err := d.makeFolders(path.Dir(name)); err != nil {
		return err
	}
	f, err := d.root.OpenFile(name+tempSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		_ = d.root.Remove(name + tempSuffix)
		return err
	}
	return d.rename(name+tempSuffix, name)
}

// RemoveDocument implements Output.
func (d *directory) RemoveDocument(_ context.Context, name string) error {
	return d.remove(name, "")
}

// Discard implements Output.
func (d *directory) Discard(_ context.Context, name string) error {
	return errors.Join(d.remove(name, partSuffix), d.remove(name, badSuffix))
}

// remove removes a file, if it exists, and its folders, if they are empty then.
func (d *directory) remove(name, suffix string) error {
	if err := checkName(name); err != nil {
		return err
	}
	err := d.root.Remove(name + suffix)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	changed := err == nil
	folder := path.Dir(name)
	for folder != "." && d.removeFolder(folder) {
		folder, changed = path.Dir(folder), true
	}
	if !changed {
		return nil
	}
	return d.syncFolder(folder)
}

// removeFolder removes a folder, unless it has files or is a link, and reports whether it did.
func (d *directory) removeFolder(folder string) bool {
	info, err := d.root.Lstat(folder)
	return err == nil && info.IsDir() && d.root.Remove(folder) == nil
}

// Open implements Output.
func (d *directory) Open(_ context.Context, name string) (io.ReadCloser, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	return d.root.Open(name)
}

// rename renames a file durably and replaces an existing one.
func (d *directory) rename(from, to string) error {
	if err := d.root.Rename(from, to); err != nil {
		return err
	}
	return d.syncFolder(path.Dir(to))
}

// makeFolders creates a folder and those above it, durably.
func (d *directory) makeFolders(folder string) error {
	if folder == "." {
		return nil
	}
	if info, err := d.root.Stat(folder); err == nil && info.IsDir() {
		return nil
	}
	if err := d.root.MkdirAll(folder, folderMode); err != nil {
		return err
	}
	for ; folder != "."; folder = path.Dir(folder) {
		if err := d.syncFolder(path.Dir(folder)); err != nil {
			return err
		}
	}
	return nil
}

// syncFolder makes the names in a folder durable.
func (d *directory) syncFolder(folder string) error {
	f, err := d.root.Open(folder)
	if err != nil {
		return err
	}
	return syncNames(f)
}

// syncNames makes the names in an open folder durable and closes it. Windows has no such
// operation.
func syncNames(folder *os.File) error {
	if runtime.GOOS == "windows" {
		return folder.Close()
	}
	return errors.Join(folder.Sync(), folder.Close())
}
