package bench

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	// duckDBPackage is the npm package of DuckDB.
	duckDBPackage = "@duckdb/node-api@1.5.6-r.1"

	duckDBColumns = "DuckDB, 8 columns of ndjson.gz"

	// installTimeout bounds the download of the package.
	installTimeout = 5 * time.Minute
)

//go:embed duckdb.mjs
var duckDBScript []byte

// findDuckDB returns the folder of the script that runs DuckDB. It installs the package into
// the user's cache, once.
func findDuckDB(ctx context.Context) (folder string, err error) {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return "", err
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	folder = filepath.Join(cache, "sluice", "bench-"+strings.NewReplacer("/", "-", "@", "").Replace(duckDBPackage))
	if _, err := os.Stat(filepath.Join(folder, "node_modules")); errors.Is(err, fs.ErrNotExist) {
		err = installDuckDB(ctx, folder)
		if err != nil {
			return "", err
		}
	}
	return folder, os.WriteFile(filepath.Join(folder, "duckdb.mjs"), duckDBScript, 0o644)
}

// installDuckDB installs the package into a folder, which has node_modules when it is
// complete.
func installDuckDB(ctx context.Context, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	partial, err := os.MkdirTemp(folder, "partial-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(partial) }() // in the cache
	ctx, cancel := context.WithTimeout(ctx, installTimeout)
	defer cancel()
	install := exec.CommandContext(ctx, "npm", "install", "--prefix", partial, "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", duckDBPackage)
	if out, err := install.CombinedOutput(); err != nil {
		return fmt.Errorf("npm install: %w: %s", err, out)
	}
	return os.Rename(filepath.Join(partial, "node_modules"), filepath.Join(folder, "node_modules"))
}

// duckDBMeasure measures DuckDB on a dump, without the time of the dump.
func (h *harness) duckDBMeasure() *measure {
	file := filepath.Join(h.opts.LogDir, subject+".ndjson.gz")
	query := "COPY (" + fmt.Sprintf(observationDuckDB, file) + ") TO '/dev/stdout' (FORMAT csv, HEADER false)"
	const line = `node "$DUCKDB/duckdb.mjs" "$QUERY"`
	m := h.command(duckDBColumns, []Table{h.table(subject)}, line+" > /dev/null", line+" | wc -l", "DUCKDB="+h.duckDB, "QUERY="+query)
	count := m.lines
	m.lines = func(ctx context.Context) (int64, error) {
		if err := h.saveDump(ctx, file); err != nil {
			return 0, err
		}
		return count(ctx)
	}
	m.slow, m.Against = true, []Comparison{{Name: resourceLimit}}
	return m
}

// saveDump writes a dump of the subject to a file.
func (h *harness) saveDump(ctx context.Context, file string) error {
	_, err := h.shell(ctx, `curl -qsSf -u "$CLIENT" "$URL" -o "$FILE"`,
		"CLIENT="+clientID+":"+secret, "URL="+h.api.URL+"/"+subject+"/$dump?fhir=true&gzip=true", "FILE="+file)
	return err
}
