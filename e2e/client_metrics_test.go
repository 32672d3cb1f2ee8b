package e2e

import (
	"net/http"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
)

// Metrics by client are only on the admin listener, and only if they are asked for.
func TestClientMetrics(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.sluice(cli.ExitOK, "migrate")
	j.addClient()
	j.load(twoPatients)
	_, stderr := j.sluice(cli.ExitUsage, "serve", "--s3-url="+j.bucket, "--metrics-clients", "--log-format=json")
	require.Contains(t, stderr, "--metrics-clients (SLUICE_METRICS_CLIENTS) requires --admin-listen (SLUICE_ADMIN_LISTEN)")

	scrape := func(log *logBuffer) string {
		return j.ask(http.MethodGet, "http://"+log.await(t, adminListening)+"/metrics").body
	}
	log, stop := j.launch("serve", "--admin-listen=127.0.0.1:0", "--metrics-clients")
	address := "http://" + log.await(t, apiStarted)
	require.Equal(t, http.StatusOK, j.ask(http.MethodGet, address+"/Patient/$dump").status)
	require.Equal(t, http.StatusOK, j.poll(j.ask(http.MethodGet, address+"/fhir/$export").header.Get("Content-Location")).status)
	metrics := scrape(log)
	for _, sample := range []string{
		`sluice_client_exports{client="a",state="completed"} 1`,
		`sluice_client_resources_total{client="a",via="dump"} 2`,
		`sluice_client_resources_total{client="a",via="export"} 2`,
		`sluice_exports{state="completed"} 1`,
		`sluice_export_timeout_seconds 86400`,
		`sluice_files_kept 1`,
	} {
		require.Contains(t, metrics, "\n"+sample+"\n")
	}
	expired := regexp.MustCompile(`(?m)^sluice_maintenance_last_success_timestamp_seconds\{task="expire"\} 1`)
	eventually(t, "the periodic job has run", func() (bool, any) {
		metrics := scrape(log)
		return expired.MatchString(metrics), metrics
	})
	require.Equal(t, http.StatusNotFound, j.ask(http.MethodGet, address+"/metrics").status)
	stop()

	log, _ = j.launch("serve", "--admin-listen=127.0.0.1:0")
	metrics = scrape(log)
	require.Contains(t, metrics, `sluice_exports{state="completed"} 1`)
	require.NotContains(t, metrics, `client="`)
}
