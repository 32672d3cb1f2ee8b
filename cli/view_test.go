package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// write writes files to a new folder and returns their paths.
func write(t *testing.T, contents ...string) (paths []string) {
	t.Helper()
	folder := t.TempDir()
	for i, content := range contents {
		path := filepath.Join(folder, string(rune('a'+i))+".json")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		paths = append(paths, path)
	}
	return paths
}

const (
	validView = `{"resourceType": "ViewDefinition", "name": "bp", "status": "active", "resource": "Observation", "select": [{"column": [
		{"name": "id", "path": "getResourceKey()"},
		{"name": "at", "path": "issued", "tag": [{"name": "ansi/type", "value": "TIMESTAMP WITH TIME ZONE"}]},
		{"name": "codes", "path": "code.coding.code", "collection": true}]}]}`
	namelessView = `{"status": "active", "resource": "Patient", "select": [{"column": [{"name": "id", "path": "id"}]}]}`
	invalidView  = `{"status": "active", "resource": "Patient", "select": [{"column": [{"name": "1", "path": "id"}, {"name": "x", "path": "@@"}]}]}`
)

// A check prints the schema of valid views.
func TestViewCheck(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	paths := write(t, validView, namelessView)
	require.Equal(t, ExitOK, Run(t.Context(), append([]string{"view", "check"}, paths...), &stdout, &stderr), stderr.String())
	require.Empty(t, stderr.String())
	require.Equal(t, paths[0]+`: bp, rows of Observation
  COLUMN  FHIR TYPE  SQL TYPE
  id      string     CHARACTER VARYING
  at      instant    TIMESTAMP WITH TIME ZONE
  codes   code       list of CHARACTER VARYING

`+paths[1]+`: b, rows of Patient
  COLUMN  FHIR TYPE  SQL TYPE
  id      id         CHARACTER VARYING
`, stdout.String())
}

// A check prints all findings of all files.
func TestViewCheckFindings(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	paths := append(write(t, invalidView, validView, "{"), "missing.json")
	require.Equal(t, ExitFailed, Run(t.Context(), append([]string{"view", "check"}, paths...), &stdout, &stderr))
	require.Equal(t, "sluice: 3 of 4 views are invalid\n", stderr.String())
	for _, want := range []string{
		paths[0] + ": select[0].column[0].name: ", paths[0] + ": select[0].column[1].path: ",
		paths[1] + ": bp, rows of Observation\n", paths[2] + ": ", "open missing.json: no such file or directory\n",
	} {
		require.Contains(t, stdout.String(), want)
	}
}

// A run refuses what it could not complete before it connects to the database.
func TestViewRunRefused(t *testing.T) {
	t.Parallel()
	paths := write(t, validView, namelessView, invalidView, validView)
	folder := filepath.Join(t.TempDir(), "tables")
	for _, test := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"NoDatabase", []string{paths[0], "--source-url="}, ExitUsage, "no database"},
		{"NoFolder", paths[:2], ExitUsage, "several views require a folder for their tables: -o DIR"},
		{"Invalid", paths[2:3], ExitFailed, paths[2] + ": invalid ViewDefinition: select[0].column[0].name"},
		{"Twice", []string{paths[0], paths[3], "-o", folder}, ExitFailed, paths[3] + ": another view has the name bp"},
		{"Format", []string{paths[0], "--format=xlsx"}, ExitUsage, "--format"},
		{"Unreachable", []string{paths[0], "-o", folder}, ExitFailed, "connection refused"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			args := append([]string{"view", "run", "--source-url=postgres://u:hunter2@127.0.0.1:1/d"}, test.args...)
			require.Equal(t, test.code, Run(t.Context(), args, &stdout, &stderr), stderr.String())
			require.Contains(t, stderr.String(), test.want)
			require.NotContains(t, stderr.String(), "hunter2")
			require.Equal(t, 1, strings.Count(stderr.String(), "\n"), stderr.String())
			require.Empty(t, stdout.String())
			require.NoDirExists(t, folder)
		})
	}
}
