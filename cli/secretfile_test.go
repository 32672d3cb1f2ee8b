package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Settings with a secret can be in a file. The error of the connection shows that the value
// was used.
func TestSettingFromFile(t *testing.T) {
	file := func(content string) string {
		path := filepath.Join(t.TempDir(), "secret")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	unreachable := file("postgres://u:hunter2@127.0.0.1:1/fromfile\n")
	empty := file("\n")
	for name, test := range map[string]struct {
		variables map[string]string
		args      []string
		code      int
		want      string
	}{
		"source":    {map[string]string{"SLUICE_SOURCE_URL_FILE": unreachable}, []string{"migrate"}, ExitFailed, "127.0.0.1:1"},
		"state":     {map[string]string{"SLUICE_STATE_URL_FILE": unreachable}, []string{"client", "list"}, ExitFailed, "127.0.0.1:1"},
		"flag wins": {map[string]string{"SLUICE_SOURCE_URL_FILE": unreachable}, []string{"migrate", "--source-url=postgres://u@127.0.0.1:2/d"}, ExitFailed, "127.0.0.1:2"},
		"both": {map[string]string{"SLUICE_SOURCE_URL_FILE": unreachable, "SLUICE_SOURCE_URL": "postgres://h/d"}, []string{"migrate"}, ExitUsage,
			"set SLUICE_SOURCE_URL or SLUICE_SOURCE_URL_FILE, not both"},
		"missing": {map[string]string{"SLUICE_SOURCE_URL_FILE": "/nonexistent/secret"}, []string{"migrate"}, ExitUsage, "SLUICE_SOURCE_URL_FILE: open /nonexistent/secret"},
		"client":  {map[string]string{"SLUICE_CLIENT_SECRET_FILE": empty}, []string{"client", "add", "a", "--scope=system/*.rs", "--source-url=postgres://h/d"}, ExitUsage, "SLUICE_CLIENT_SECRET_FILE: " + empty + " is empty"},
		"empty":   {map[string]string{"SLUICE_S3_URL_FILE": empty}, []string{"sweep", "--source-url=postgres://h/d"}, ExitUsage, "SLUICE_S3_URL_FILE: " + empty + " is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, variable := range []string{"SLUICE_SOURCE_URL", "SLUICE_STATE_URL", "SLUICE_S3_URL"} {
				t.Setenv(variable, "")
			}
			for variable, value := range test.variables {
				t.Setenv(variable, value)
			}
			var stdout, stderr bytes.Buffer
			require.Equal(t, test.code, Run(t.Context(), test.args, &stdout, &stderr), stderr.String())
			require.Contains(t, stderr.String(), test.want)
			require.NotContains(t, stderr.String(), "hunter2")
			require.NotContains(t, stderr.String(), "unknown environment variable")
		})
	}
}
