package e2e

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// writeViews writes views, by their names, and returns their files.
func writeViews(t *testing.T, views map[string]string) map[string]string {
	t.Helper()
	folder, files := t.TempDir(), map[string]string{}
	for name, rest := range views {
		files[name] = filepath.Join(folder, name+".json")
		content := `{"resourceType": "ViewDefinition", "status": "active", "name": "` + name + `", ` + rest + `}`
		require.NoError(t, os.WriteFile(files[name], []byte(content), 0o600))
	}
	return files
}

// Views run with SELECT on the tables and nothing else, in both forms of jsonb.
func TestViewRun(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	sourcetest.CreateCast(t, j.database)
	j.load(twoPatients)
	role, reader := newRole(t, j.database)
	sourcetest.Execute(t, j.database, `GRANT SELECT ON patient, medication TO `+role)
	views := writeViews(t, map[string]string{
		"names":         `"resource": "Patient", "select": [{"column": [{"name": "id", "path": "getResourceKey()"}]}, {"forEachOrNull": "name", "column": [{"name": "family", "path": "family"}]}]`,
		"organizations": `"resource": "Patient", "where": [{"path": "managingOrganization.exists()"}], "select": [{"column": [{"name": "org", "path": "managingOrganization.getReferenceKey(Organization)"}]}]`,
		"medications":   `"resource": "Medication", "select": [{"column": [{"name": "id", "path": "id"}]}]`,
		"encounters":    `"resource": "Encounter", "select": [{"column": [{"name": "id", "path": "id"}]}]`,
		"broken":        `"resource": "Patient", "select": [{"column": [{"name": "x", "path": "id", "tag": [{"name": "ansi/type", "value": "VARCHAR(1)"}]}]}]`,
	})
	view := func(code int, args ...string) (string, string) {
		t.Helper()
		return j.sluice(code, append([]string{"view", "run", "--source-url=" + reader}, args...)...)
	}

	for _, form := range []string{"text", "stored"} {
		stdout, stderr := view(cli.ExitOK, views["names"], "--jsonb="+form)
		require.Equal(t, "id,family\np1,Müller\np2,\n", stdout)
		require.Equal(t, "         2 names\n", stderr)
	}

	folder := filepath.Join(t.TempDir(), "new", "tables")
	_, stderr := view(cli.ExitOK, views["names"], views["medications"], views["organizations"], "-o", folder, "--format=ndjson")
	require.Equal(t, "         2 names\n         0 medications\n         1 organizations\n", stderr)
	requireFiles(t, folder, map[string]string{
		"names.ndjson":         `{"id":"p1","family":"Müller"}` + "\n" + `{"id":"p2","family":null}` + "\n",
		"medications.ndjson":   "",
		"organizations.ndjson": `{"org":"o1"}` + "\n",
	})

	// After a failure the former files are as they were, and nothing else is left.
	_, stderr = view(cli.ExitFailed, views["names"], views["broken"], "-o", folder, "--format=ndjson")
	require.True(t, strings.HasPrefix(stderr, "sluice: Patient/p1: view broken: column x: "), stderr)
	require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
	nameless := filepath.Join(t.TempDir(), "nameless.json")
	require.NoError(t, os.WriteFile(nameless, []byte(`{"resource": "Patient", "select": [{"column": [{"name": "x", "path": "id", "tag": [{"name": "ansi/type", "value": "VARCHAR(1)"}]}]}]}`), 0o600))
	_, stderr = view(cli.ExitFailed, nameless, "-o", folder)
	require.True(t, strings.HasPrefix(stderr, "sluice: Patient/p1: view nameless: column x: "), stderr)
	_, stderr = view(cli.ExitFailed, views["names"], views["encounters"], "-o", folder)
	require.Contains(t, stderr, "Encounter")
	names, err := filepath.Glob(filepath.Join(folder, "*"))
	require.NoError(t, err)
	require.Len(t, names, 3)
	hidden, err := filepath.Glob(filepath.Join(folder, ".*"))
	require.NoError(t, err)
	require.Empty(t, hidden)

	_, _ = view(cli.ExitOK, views["names"], "-o", folder, "--format=parquet")
	content, err := os.ReadFile(filepath.Join(folder, "names.parquet"))
	require.NoError(t, err)
	require.True(t, bytes.HasPrefix(content, []byte("PAR1")) && bytes.HasSuffix(content, []byte("PAR1")))
}

// requireFiles compares the files of a folder, which are readable as others are.
func requireFiles(t *testing.T, folder string, want map[string]string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	got := map[string]string{}
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		require.NoError(t, err)
		got[entry.Name()] = string(content)
	}
	require.Equal(t, want, got)
}

// An interrupted run leaves no file.
func TestViewRunInterrupted(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	sourcetest.Execute(t, j.database, `INSERT INTO medication (id, txid, resource) SELECT i, i, '{"code": {"text": "x"}}' FROM generate_series(1, 200000) i`)
	views := writeViews(t, map[string]string{"medications": `"resource": "Medication", "select": [{"column": [{"name": "id", "path": "id"}, {"name": "text", "path": "code.text"}]}]`})
	folder := t.TempDir()

	ctx, cancel := context.WithCancel(t.Context())
	code := make(chan int, 1)
	var stdout, stderr bytes.Buffer
	go func() {
		code <- cli.Run(ctx, []string{"view", "run", views["medications"], "-o", folder, "--source-url=" + j.database, "--read-bytes-per-second=1MB"}, &stdout, &stderr)
	}()
	eventually(t, "a temporary file with rows", func() (bool, any) {
		temporary, _ := filepath.Glob(filepath.Join(folder, ".medications.csv.*"))
		if len(temporary) == 0 {
			return false, nil
		}
		info, err := os.Stat(temporary[0])
		return err == nil && info.Size() > 0, err
	})
	cancel()
	require.Equal(t, cli.ExitInterrupted, <-code, stderr.String())
	require.Equal(t, "sluice: interrupted\n", stderr.String())
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Empty(t, entries)
}
