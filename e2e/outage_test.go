package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
)

// fullStore returns the URL of the bucket behind a proxy that rejects writes as a full
// store does.
func (j *journey) fullStore() string {
	j.t.Helper()
	u, err := url.Parse(j.bucket)
	require.NoError(j.t, err)
	target := u.Host
	store := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host = "http", target
		r.Out.Host = r.In.Host // the signature includes it
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

// While the object store is full, an export waits, its status says why, and the process
// is not ready, but serves. After the outage limit the export fails with that reason.
func TestFullStore(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.bucket = j.fullStore()
	j.sluice(cli.ExitOK, "migrate")
	j.addClient()
	j.load(twoPatients)
	address, stop := j.start("serve")
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
	require.Equal(t, cli.ExitOK, stop())

	restarted, _ := j.start("serve", "--outage-limit=1s")
	ended := j.poll(restarted + strings.TrimPrefix(location, address))
	require.Equal(t, http.StatusInternalServerError, ended.status)
	require.Contains(t, ended.body, "the object store is full; gave up after 1s")
	j.requireReady(restarted, http.StatusOK)
}
