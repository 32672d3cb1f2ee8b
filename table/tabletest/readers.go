// Package tabletest reads Parquet files in tests, with readers that are not ours: DuckDB
// and hyparquet by Node.js, and the reader of parquet-go, which shares its mistakes with the
// writer.
//
// It must not know how the files were made.
package tabletest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Reader is a program that reads Parquet.
type Reader string

// The readers.
const (
	DuckDB    Reader = "duckdb"
	Hyparquet Reader = "hyparquet"
	ParquetGo Reader = "parquet-go"
)

// Readers are all readers.
var Readers = []Reader{DuckDB, Hyparquet, ParquetGo}

// Table is the content of a file. A cell is nil, a float64 (REAL, DOUBLE PRECISION), a
// string, or a []any of these. Strings are exact: DECIMAL has all places of its scale,
// TIMESTAMP has microseconds, bytes are base64.
type Table struct {
	Columns []string
	Rows    [][]any
}

// ReadParquet reads a file. The test is skipped if the reader needs Node.js and that or
// its packages are not available.
func ReadParquet(t testing.TB, reader Reader, file string) Table {
	t.Helper()
	return ReadAllParquet(t, reader, []string{file})[0]
}

// ReadAllParquet is ReadParquet for several files, which one process of Node.js reads.
func ReadAllParquet(t testing.TB, reader Reader, files []string) (tables []Table) {
	t.Helper()
	if reader == ParquetGo {
		for _, file := range files {
			tables = append(tables, readParquetGo(t, file))
		}
		return tables
	}
	dir, err := install()
	if err != nil {
		t.Skipf("%s is not available: %v", reader, err)
	}
	var stderr bytes.Buffer
	command := exec.CommandContext(t.Context(), "node", append([]string{filepath.Join(dir, "read.mjs"), string(reader)}, files...)...)
	command.Stderr = &stderr
	out, err := command.Output()
	require.NoError(t, err, "%s: %s", reader, &stderr)

	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, len(out)+1)
	for lines.Scan() {
		if lines.Bytes()[0] == '{' {
			tables = append(tables, Table{})
			require.NoError(t, json.Unmarshal(lines.Bytes(), &tables[len(tables)-1]))
			continue
		}
		var row []any
		require.NoError(t, json.Unmarshal(lines.Bytes(), &row))
		table := &tables[len(tables)-1]
		table.Rows = append(table.Rows, row)
	}
	require.NoError(t, lines.Err())
	require.Len(t, tables, len(files))
	return tables
}

//go:embed readers/package.json readers/read.mjs
var readers embed.FS

// install returns the directory of the readers and their npm packages, in the user's cache.
// It is filled once; several processes may do so at the same time.
var install = sync.OnceValues(func() (string, error) {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return "", err
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	files, sum := map[string][]byte{}, sha256.New()
	for _, name := range []string{"package.json", "read.mjs"} {
		content, err := readers.ReadFile("readers/" + name)
		if err != nil {
			return "", err
		}
		files[name] = content
		sum.Write(content)
	}
	dir := filepath.Join(cache, "sluice", "parquet-readers-"+hex.EncodeToString(sum.Sum(nil)[:8]))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	return dir, installInto(dir, files)
})

// installTimeout bounds the download of the packages.
const installTimeout = 5 * time.Minute

func installInto(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	partial, err := os.MkdirTemp(filepath.Dir(dir), "partial-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(partial) }()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(partial, name), content, 0o644); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), installTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, "npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts")
	command.Dir = partial
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("npm install: %w: %s", err, out)
	}
	if err := os.Rename(partial, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		if _, exists := os.Stat(dir); exists != nil {
			return err
		}
	}
	return nil
}
