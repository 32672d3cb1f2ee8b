package load

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// stdinPath is the path of standard input.
const stdinPath = "-"

// file is an input. All are looked up before the first is read, so that a load with a
// wrong path does not start.
type file struct {
	path string
	size int64 // in bytes; -1 if unknown
}

// expand returns the files at paths, with folders replaced by the ndjson files in
// them.
func expand(paths []string) ([]file, error) {
	if len(paths) == 0 {
		return nil, errors.New("no input: name files, folders, or - for standard input")
	}

	var files []file
	for _, path := range paths {
		found, err := filesAt(path)
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	return files, nil
}

// filesAt returns the file at a path or, if that is a folder, the ndjson files in it. It
// does not descend into folders.
func filesAt(path string) ([]file, error) {
	if path == stdinPath {
		return []file{{path, -1}}, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		f, err := newFile(path, info)
		return []file{f}, err
	}

	var files []file
	names, err := os.ReadDir(path) // sorted
	for _, name := range names {
		inside := filepath.Join(path, name.Name())
		if !strings.HasSuffix(inside, ".ndjson") && !strings.HasSuffix(inside, ".ndjson.gz") {
			continue
		}
		info, err := os.Stat(inside) // follows a link, as opening it will
		if err != nil {
			return nil, err
		}
		if info.IsDir() {
			continue
		}
		f, err := newFile(inside, info)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s: the folder has no *.ndjson or *.ndjson.gz files", path)
	}
	return files, err
}

// newFile returns the input at path. A device or socket is an error: a read may never
// end, or consume the data of another program.
func newFile(path string, info os.FileInfo) (file, error) {
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return file{path, info.Size()}, nil
	case mode&os.ModeNamedPipe != 0:
		return file{path, -1}, nil
	}
	return file{}, fmt.Errorf("%s: not a regular file, folder or pipe", path)
}

// totalSize returns the total size of files, or -1 if one is unknown.
func totalSize(files []file) int64 {
	var total int64
	for _, f := range files {
		if f.size < 0 {
			return -1
		}
		total += f.size
	}
	return total
}
