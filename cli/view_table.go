package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/seed-90096f4d/sluice/table"
	"github.com/seed-90096f4d/sluice/view"
)

// viewTable is the table of a view. It is written to standard output, or to a file that
// gets its name when all tables are complete.
type viewTable struct {
	view   *view.View
	name   string
	format table.Format
	rows   int64

	path      string // empty: standard output
	temporary string
	file      *os.File // temporary, while it is written
}

func newViewTable(v *view.View, name, folder string, format table.Format) *viewTable {
	named := *v
	named.Name = name // in errors, too
	t := &viewTable{view: &named, name: name, format: format}
	if folder != "" {
		t.path = filepath.Join(folder, name+format.Extension())
		t.temporary = filepath.Join(folder, fmt.Sprintf(".%s%s.%d", name, format.Extension(), os.Getpid()))
	}
	return t
}

// begin returns the writer of the table.
func (t *viewTable) begin(stdout io.Writer) (w io.Writer, err error) {
	if t.path == "" {
		return stdout, nil
	}
	if err := os.MkdirAll(filepath.Dir(t.path), 0o777); err != nil {
		return nil, err
	}
	if t.file, err = os.Create(t.temporary); err != nil {
		return nil, err
	}
	return t.file, nil
}

// publishTables completes the files and gives them their names.
func publishTables(tables []*viewTable) error {
	for _, t := range tables {
		if t.file == nil {
			continue
		}
		if err := errors.Join(t.file.Sync(), t.file.Close()); err != nil {
			return err
		}
		t.file = nil
	}
	for _, t := range tables {
		if t.path == "" {
			continue
		}
		if err := os.Rename(t.temporary, t.path); err != nil {
			return err
		}
	}
	return nil
}

// discardTables removes the temporary files that are left.
func discardTables(tables []*viewTable) error {
	var failed []error
	for _, t := range tables {
		if t.file != nil {
			_ = t.file.Close() // it is removed
		}
		if t.temporary == "" {
			continue
		}
		if err := os.Remove(t.temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}
