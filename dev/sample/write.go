package sample

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/gzip"
)

// Write writes about a number of resources, and at least one of each type, to a file
// <Type>.ndjson.gz in dir for each type, and returns the paths. The same number gives the
// same bytes. All references can be resolved. Memory does not grow with the number.
func Write(dir string, resources int) ([]string, error) {
	w := newWorld(resources)
	var paths []string
	for _, kind := range kinds {
		path := filepath.Join(dir, kind.resourceType+".ndjson.gz")
		if err := writeFile(path, w, kind); err != nil {
			return nil, fmt.Errorf("sample: %w", err)
		}
		paths = append(paths, path)
	}
	return paths, nil
}

func writeFile(path string, w *world, k kind) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()

	zipped, err := gzip.NewWriterLevel(file, gzip.BestSpeed)
	if err != nil {
		return err
	}
	lines := json.NewEncoder(zipped)
	lines.SetEscapeHTML(false)
	for i := range w.counts[k.resourceType] {
		if err := lines.Encode(w.resource(k, i)); err != nil {
			return err
		}
	}
	return zipped.Close()
}
