package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

var exportRecipe = regexp.MustCompile(`(?ms)^  mkdir .*^  \)$`)

// The recipe for an export fails at any unexpected status, prints the server's reason, and
// downloads nothing.
func TestExportRecipeStops(t *testing.T) {
	t.Parallel()
	for name, statuses := range map[string][2]int{
		"KickOffRefused": {http.StatusForbidden, 0},
		"Failed":         {http.StatusAccepted, http.StatusInternalServerError},
		"Expired":        {http.StatusAccepted, http.StatusGone},
		"Unavailable":    {http.StatusAccepted, http.StatusServiceUnavailable},
		"FileRefused":    {http.StatusAccepted, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var files atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				base, status := "http://"+r.Host, http.StatusForbidden
				switch {
				case strings.HasSuffix(r.URL.Path, "/$export"):
					w.Header().Set("Content-Location", base+"/status")
					status = statuses[0]
				case r.URL.Path == "/status":
					status = statuses[1]
				default:
					files.Add(1)
				}
				w.WriteHeader(status)
				_, _ = w.Write([]byte(`{"diagnostics": "the reason", "output": [{"url": "` + base + `/a.ndjson.gz"}, {"url": "` + base + `/b.ndjson.gz"}]}`))
			}))
			t.Cleanup(server.Close)

			dir := t.TempDir()
			recipe := strings.NewReplacer("BASE", server.URL, "/tmp/sluice-export", dir).Replace(exportRecipe.FindString(hintText))
			require.NotEmpty(t, recipe)
			out, err := exec.CommandContext(t.Context(), "/bin/sh", "-c", recipe).CombinedOutput()
			require.Error(t, err, "%s", out)
			saved, err := filepath.Glob(filepath.Join(dir, "*.ndjson"))
			require.NoError(t, err)
			require.Empty(t, saved)
			if name == "FileRefused" {
				require.EqualValues(t, 1, files.Load(), "it stops at the first file")
				return
			}
			require.Zero(t, files.Load())
			require.Contains(t, string(out), "the reason")
			_, err = os.Stat(filepath.Join(dir, "links"))
			require.ErrorIs(t, err, os.ErrNotExist)
		})
	}
}
