package cli

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/seed-90096f4d/sluice/dump"
	store "github.com/seed-90096f4d/sluice/fetch/output"
	"github.com/seed-90096f4d/sluice/source"
)

// dumpFolder is the output to a folder of a dump.
type dumpFolder struct {
	store.Output
	path    string
	created bool // by openDumpFolder
}

// openDumpFolder opens a folder, which is created if it is missing.
func openDumpFolder(path string) (*dumpFolder, error) {
	_, missing := os.Stat(path)
	out, err := store.Directory(path)
	if err != nil {
		return nil, err
	}
	return &dumpFolder{Output: out, path: path, created: missing != nil}, nil
}

// dump dumps to the folder, which must be empty. If the dump fails, the folder is as it was
// before it was opened.
func (f *dumpFolder) dump(ctx context.Context, from *source.Source, options dump.Options) (result dump.Result, err error) {
	defer func() {
		if err != nil && f.created {
			_ = os.Remove(f.path) // fails if it has got other files
		}
	}()
	held, unlock, err := f.Lock(ctx, options.Warn)
	if err != nil {
		return dump.Result{}, fmt.Errorf("%s: %w", f.path, err)
	}
	defer unlock()
	if err := f.checkEmpty(); err != nil {
		return dump.Result{}, err
	}
	return dump.ToFiles(held, from, f, options)
}

// checkEmpty returns an error unless the folder has only the file of the lock. Until the
// lock is held, another dump may be about to write files.
func (f *dumpFolder) checkEmpty() error {
	entries, err := os.ReadDir(f.path)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() != store.LockName }) {
		return fmt.Errorf("the folder %s is not empty: name another one, or remove its files", f.path)
	}
	return nil
}
