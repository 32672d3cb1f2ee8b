package bulk_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/api/apitest"
)

// Files that are sent are counted, not requests that get none.
func TestDownloadMetrics(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	b, _, path, _ := guarded(t, "", func(config *api.Config) { config.Registry = registry })
	requireDownloads := func(want string) {
		t.Helper()
		expected := "# HELP sluice_downloads_total Downloads of files, or of ranges of them, through the API, by outcome.\n# TYPE sluice_downloads_total counter\n" + want
		require.Eventually(t, func() bool {
			return testutil.GatherAndCompare(registry, strings.NewReader(expected), "sluice_downloads_total") == nil
		}, apitest.Patience, apitest.Tick, want)
	}
	series := func(completed, failed string) string {
		return `sluice_downloads_total{outcome="client_gone"} 0
sluice_downloads_total{outcome="completed"} ` + completed + `
sluice_downloads_total{outcome="failed"} ` + failed + `
sluice_downloads_total{outcome="revoked"} 0
sluice_downloads_total{outcome="stalled"} 0
`
	}
	require.Equal(t, http.StatusOK, b.Get(t, path).StatusCode)
	tag := b.Get(t, path, "Accept-Encoding", "gzip").Header.Get("ETag")
	require.Equal(t, http.StatusPartialContent, b.Get(t, path, "Accept-Encoding", "gzip", "Range", "bytes=1-2").StatusCode)
	require.Equal(t, http.StatusNotModified, b.Get(t, path, "Accept-Encoding", "gzip", "If-None-Match", tag).StatusCode)
	require.Equal(t, http.StatusOK, b.Do(t, b.Request(t, http.MethodHead, path)).StatusCode)
	require.Equal(t, http.StatusNotFound, b.Get(t, path+"x").StatusCode)
	requireDownloads(series("3", "0"))
}
