package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
)

// fullStore returns the URL of the bucket behind a proxy that refuses writes, as a
// store without space does.
func (j *journey) fullStore() string {
	j.t.Helper()
	u, err := url.Parse(j.bucket)
	require.NoError(j.t, err)
	target := u.Host
	store := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host = "http", target
		r.Out.Host = r.In.Host // it is signed
	}}
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut || r.Method == http.MethodPost && !r.URL.Query().Has("delete") {
			out.WriteHeader(http.StatusInsufficientStorage)
			_, _ = fmt.Fprint(out, "<Error><Code>XMinioStorageFull</Code><Message>no</Message></Error>")
			return
		}
		store.ServeHTTP(out, r)
	}))
	j.t.Cleanup(server.Close)
	u.Host = server.Listener.Addr().String()
	return u.String()
}

// The client is told that the store is full, while it waits and when the export fails.
// Meanwhile the process is not ready, but goes on serving.
func TestFullStore(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.bucket = j.fullStore()
	j.sluice(cli.ExitOK, "migrate")
	j.sluice(cli.ExitOK, "client", "add", "a", "--secret=swordfish", "--scope=system/*.rs")
	file := filepath.Join(t.TempDir(), "patients.ndjson")
	require.NoError(t, os.WriteFile(file, []byte(twoPatients), 0o600))
	j.sluice(cli.ExitOK, "load", file)
	address, _ := j.start("serve", "--outage-limit=10s")
	j.requireReady(address, http.StatusOK)

	accepted := j.ask(http.MethodGet, address+"/fhir/$export")
	require.Equal(t, http.StatusAccepted, accepted.status, accepted.body)
	body := j.requireReady(address, http.StatusServiceUnavailable)
	require.Contains(t, body, `"worker":"failing"`)
	require.Contains(t, body, `"bucket":"ok"`)
	location := accepted.header.Get("Content-Location")
	status := j.ask(http.MethodGet, location)
	require.Equal(t, http.StatusAccepted, status.status, status.body)
	require.Contains(t, status.header.Get("X-Progress"), "the object store is full")
	require.Equal(t, http.StatusOK, j.ask(http.MethodGet, address+"/Patient/$dump").status)

	require.Eventually(t, func() bool {
		status = j.ask(http.MethodGet, location)
		return status.status != http.StatusAccepted && status.status != http.StatusTooManyRequests
	}, time.Minute, time.Second)
	require.Equal(t, http.StatusInternalServerError, status.status)
	require.Contains(t, status.body, "the object store is full; gave up after 10s")
	j.requireReady(address, http.StatusOK)
}
