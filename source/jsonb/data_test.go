package jsonb_test

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// publicData returns the folder of public FHIR data, which is too large for the
// repository: SLUICE_TEST_DATA, or a folder next to the repository.
func publicData() string {
	return cmp.Or(os.Getenv("SLUICE_TEST_DATA"), filepath.Join("..", "..", "..", "shared", "data"))
}

// readLines calls read for each line of a compressed file. A line is valid until the
// next call.
func readLines(tb testing.TB, path string, read func(line []byte)) {
	tb.Helper()
	file, err := os.Open(path)
	require.NoError(tb, err)
	defer func() { _ = file.Close() }()
	unzipped, err := gzip.NewReader(file)
	require.NoError(tb, err)
	lines := bufio.NewScanner(unzipped)
	lines.Buffer(nil, 1<<28)
	for lines.Scan() {
		read(lines.Bytes())
	}
	require.NoError(tb, lines.Err())
}
