package load_test

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/load"
)

// TestGzipBomb loads a small file with a line that is far longer than the limit. It
// must be rejected before twice the limit is allocated, including garbage. The test
// does not run in parallel: allocations are counted for the whole process.
func TestGzipBomb(t *testing.T) {
	const limit = 64 << 20
	db := newDatabase(t)
	path := filepath.Join(t.TempDir(), "bomb.ndjson.gz")
	writeBomb(t, path, 8*limit)

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := load.Files(t.Context(), db.url, []string{path}, load.Options{MaxLine: limit})
	runtime.ReadMemStats(&after)

	var lineErr *load.LineError
	require.ErrorAs(t, err, &lineErr)
	require.ErrorContains(t, err, "line too long: the maximum is 67108864 bytes")
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(2*limit))
}

// writeBomb writes one line of size bytes, compressed.
func writeBomb(t *testing.T, path string, size int64) {
	t.Helper()
	f, err := os.Create(path)
	require.NoError(t, err)
	w := gzip.NewWriter(f)
	_, err = io.CopyN(w, endless{}, size)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, f.Close())
}

// endless is a reader of an endless line.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// TestKindsOfFiles rejects devices, which never end, and sockets, which cannot be
// opened.
func TestKindsOfFiles(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	folder := t.TempDir()
	require.NoError(t, os.Symlink("/dev/zero", filepath.Join(folder, "zero.ndjson")))

	for _, path := range []string{"/dev/zero", folder} {
		_, err := load.Files(t.Context(), db.url, []string{path}, load.Options{MaxLine: 1 << 20})
		require.ErrorContains(t, err, "not a regular file, folder or pipe", path)
	}

	link := filepath.Join(t.TempDir(), "link.ndjson")
	require.NoError(t, os.Symlink(writeLines(t, "a.ndjson", alice), link))
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(pipe, []byte(bob), 0o600) }()
	db.load(t, load.Options{}, link, pipe)
	require.NoError(t, <-written)
	require.Equal(t, []string{"pt-1", "pt-2"}, db.rows(t, patientIDs))
}
