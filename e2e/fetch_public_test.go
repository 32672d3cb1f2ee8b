package e2e

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
)

// publicServer starts FHIR Works on AWS over the files of a folder, and returns its base
// URL. Without Node or the npm registry, the test is skipped.
func publicServer(t *testing.T, files map[string]string) (baseURL string) {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(program + " is not on the PATH")
		}
	}
	folder := t.TempDir()
	require.NoError(t, os.CopyFS(folder, os.DirFS("testdata/server")))
	install := exec.CommandContext(t.Context(), "npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	install.Dir = folder
	if out, err := install.CombinedOutput(); err != nil {
		t.Skipf("the server can't be installed: %s", out)
	}
	data := t.TempDir()
	for name, content := range files {
		require.NoError(t, os.WriteFile(filepath.Join(data, name), []byte(content), 0o600))
	}
	server := exec.CommandContext(t.Context(), "node", "server.mjs", data)
	server.Dir = folder
	server.Env = append(os.Environ(), "TOKEN=swordfish")
	var log logBuffer
	server.Stderr = &log
	stdout, err := server.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, server.Start())
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err, log.String())
	return strings.TrimSpace(line)
}

// A server that others wrote, with their reading of the specification: it rejects any
// Prefer but respond-async, knows neither POST nor counts, has its files at another host
// that rejects credentials, and does not delete exports that are complete.
func TestFetchFromPublicServer(t *testing.T) {
	t.Parallel()
	var patients strings.Builder
	for i := range 1000 {
		_, _ = fmt.Fprintf(&patients, `{"resourceType":"Patient","id":"%d"}`+"\n", i)
	}
	const last, observation = `{"resourceType":"Patient","id":"last"}` + "\n", `{"resourceType":"Observation","id":"o"}` + "\n"
	baseURL := publicServer(t, map[string]string{
		"Patient-1.ndjson":     patients.String(),
		"Patient-2.ndjson":     last,
		"Observation-1.ndjson": observation,
		"Encounter-1.ndjson":   `{"resourceType":"Encounter","id":"e"}` + "\n",
	})

	f := newFetcher(t, "--plain", "--type=Patient,Observation")
	f.env = []string{"SLUICE_FETCH_TOKEN=swordfish"}
	content := f.complete(baseURL)
	for name, want := range map[string]string{
		"Patient.0001.ndjson": patients.String(), "Patient.0002.ndjson": last, "Observation.0001.ndjson": observation,
	} {
		require.Equal(t, want, content[name], name)
	}
	require.NotContains(t, content, "Encounter.0001.ndjson")
	require.Contains(t, content, "manifest.json")

	f = newFetcher(t)
	f.env = []string{"SLUICE_FETCH_TOKEN=unknown"}
	require.NotEqual(t, cli.ExitOK, f.run(baseURL))
	require.Contains(t, f.output.String(), "access token is missing or wrong")
}
