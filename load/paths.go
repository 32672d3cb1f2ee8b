package load

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// stdinPath is the path that stands for standard input.
const stdinPath = "-"

// file is one input, found before the first is read so that a misspelt path
// stops a load before it has begun.
type file struct {
	path string
	size int64 // in bytes; -1 when nobody can know
}

// expand turns paths into the files they name, folders into the ndjson files
// they hold.
func expand(paths []string) ([]file, error) {
	if len(paths) == 0 {
		return nil, errNoPaths
	}

	var files []file
	for _, path := range paths {
		if path == stdinPath {
			files = append(files, file{path, -1})
			continue
		}

		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			f, err := newFile(path, info)
			if err != nil {
				return nil, err
			}
			files = append(files, f)
			continue
		}

		inside, err := expandFolder(path)
		if err != nil {
			return nil, err
		}
		files = append(files, inside...)
	}
	return files, nil
}

// expandFolder lists a folder's own ndjson files; folders in it are left
// alone.
func expandFolder(folder string) ([]file, error) {
	entries, err := os.ReadDir(folder) // sorted by name
	if err != nil {
		return nil, err
	}

	var files []file
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasSuffix(name, ".ndjson") && !strings.HasSuffix(name, ".ndjson.gz") {
			continue
		}
		path := filepath.Join(folder, name)
		info, err := os.Stat(path) // follows a link, as opening it will
		if err != nil {
			return nil, err
		}
		if info.IsDir() {
			continue
		}
		f, err := newFile(path, info)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s: no *.ndjson or *.ndjson.gz in this folder", folder)
	}
	return files, nil
}

// newFile returns the input at path. A device or socket is an error: reading one
// may never end, or take what belongs to another program.
func newFile(path string, info os.FileInfo) (file, error) {
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return file{path, info.Size()}, nil
	case mode&os.ModeNamedPipe != 0:
		return file{path, -1}, nil
	}
	return file{}, fmt.Errorf("%s: not a regular file, folder or pipe", path)
}

// totalSize sums the sizes of files; -1 when one is unknown.
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
