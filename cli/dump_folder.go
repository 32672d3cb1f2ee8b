package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/seed-90096f4d/sluice/dump"
	store "github.com/seed-90096f4d/sluice/fetch/output"
	"github.com/seed-90096f4d/sluice/source"
)

// dumpToFolder dumps to a folder, which must be missing or empty. If the dump fails, the
// folder is as it was.
func dumpToFolder(ctx context.Context, from *source.Source, folder string, options dump.Options) (dump.Result, error) {
	exists, err := checkEmpty(folder)
	if err != nil {
		return dump.Result{}, err
	}
	out, err := store.Directory(folder)
	if err != nil {
		return dump.Result{}, err
	}
	held, unlock, err := out.Lock(ctx, options.Warn)
	if err != nil {
		return dump.Result{}, fmt.Errorf("%s: %w", folder, err)
	}
	result, err := dump.ToFiles(held, from, out, options)
	unlock()
	if err != nil && !exists {
		_ = os.Remove(folder) // fails if it has got other files
	}
	return result, err
}

// checkEmpty returns an error unless a folder is empty or missing. It reports whether the
// folder exists.
func checkEmpty(folder string) (exists bool, err error) {
	entries, err := os.ReadDir(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case len(entries) > 0:
		return true, fmt.Errorf("the folder %s is not empty: name another one, or remove its files", folder)
	}
	return true, nil
}
