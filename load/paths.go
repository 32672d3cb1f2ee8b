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
			files = append(files, file{path, sizeOf(info)})
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
		if !info.IsDir() {
			files = append(files, file{path, sizeOf(info)})
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s: no *.ndjson or *.ndjson.gz in this folder", folder)
	}
	return files, nil
}

// sizeOf gives -1 for a pipe or a device, which have no size to speak of.
func sizeOf(info os.FileInfo) int64 {
	if !info.Mode().IsRegular() {
		return -1
	}
	return info.Size()
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
