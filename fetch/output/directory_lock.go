package output

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
)

// Lock implements Output. The lock is on an open file, and thus ends with the process.
func (d *directory) Lock(ctx context.Context, _ func(string)) (context.Context, func(), error) {
	for {
		f, err := d.root.OpenFile(LockName, os.O_RDWR|os.O_CREATE, fileMode)
		if err != nil {
			return nil, nil, fmt.Errorf("lock the output directory: %w", err)
		}
		if err := lockFile(f); err != nil {
			return nil, nil, errors.Join(err, f.Close())
		}
		if d.isLockFile(f) {
			return ctx, func() { d.unlock(f) }, nil
		}
		if err := f.Close(); err != nil { // the holder has removed the file before it unlocked it
			return nil, nil, err
		}
	}
}

// isLockFile reports whether an open file is still the one with the name of the lock.
func (d *directory) isLockFile(f *os.File) bool {
	opened, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := d.root.Stat(LockName)
	return err == nil && os.SameFile(opened, named)
}

// unlock removes the lock file and releases the lock. Windows cannot remove an open file,
// and a file that another run has opened stays.
func (d *directory) unlock(f *os.File) {
	if runtime.GOOS != "windows" {
		_ = d.root.Remove(LockName)
	}
	_ = f.Close()
	if runtime.GOOS == "windows" {
		_ = d.root.Remove(LockName)
	}
}
