package transfer_test

import (
	"context"
	"io"
	"strings"

	"github.com/seed-90096f4d/sluice/fetch/output"
)

// failingFile is a file that cannot be written.
type failingFile struct {
	output.File
	err error
}

func (f *failingFile) Write([]byte) (int, error) { return 0, f.err }
func (f *failingFile) Truncate(int64) error      { return nil }
func (f *failingFile) SetName(string) error      { return nil }
func (f *failingFile) Partial(context.Context) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader("")), nil
}
