package e2e

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
)

// sluice health reports whether a server is ready, with TLS too.
func TestHealth(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.sluice(cli.ExitOK, "migrate")
	health := func(code int, args ...string) string {
		var stdout, stderr bytes.Buffer
		require.Equal(t, code, cli.Run(t.Context(), append([]string{"health"}, args...), &stdout, &stderr), stderr.String())
		require.Empty(t, stdout.String())
		return stderr.String()
	}
	address, stop := j.start("api")
	listen := "--listen=" + strings.TrimPrefix(address, "http://")
	j.requireReady(address, http.StatusOK)
	health(cli.ExitOK, listen)
	health(cli.ExitOK, listen, "--live")
	stop()
	require.Equal(t, 1, strings.Count(health(cli.ExitFailed, listen), "\n"))
	health(cli.ExitFailed, "--listen=nowhere")

	j.bucket = "http://k:s@127.0.0.1:1/away"
	j.sluice(cli.ExitOK, "location", "record", "--s3-url="+j.bucket)
	address, _ = j.start("api")
	listen = "--listen=" + strings.TrimPrefix(address, "http://")
	require.Contains(t, health(cli.ExitFailed, listen), "503 Service Unavailable: bucket\n", "others may ask, too")
	health(cli.ExitOK, listen, "--live")
	log, stop := j.launch("worker", "--admin-listen=127.0.0.1:0")
	admin := "--admin-listen=" + log.await(t, adminListening)
	require.Regexp(t, `503 Service Unavailable: bucket: .*127\.0\.0\.1:1`, health(cli.ExitFailed, admin))
	health(cli.ExitOK, admin, "--live")
	require.Zero(t, stop())

	certFile, keyFile := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	writeCertificate(t, certFile, keyFile)
	address, _ = j.start("api", "--tls-cert="+certFile, "--tls-key="+keyFile)
	listen = "--listen=" + strings.TrimPrefix(address, "http://")
	health(cli.ExitOK, listen, "--live", "--tls-cert="+certFile)
	health(cli.ExitFailed, listen, "--live")
}

// adminListening matches the log line of an admin listener that accepts connections.
var adminListening = regexp.MustCompile(`"admin listener started","address":"([^"]+)"`)

// The admin listener of every kind of process needs no credentials. If there is one, the
// API has no metrics.
func TestAdminListener(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.sluice(cli.ExitOK, "migrate")
	for _, command := range []string{"worker", "api", "serve"} {
		log, stop := j.launch(command, "--admin-listen=127.0.0.1:0")
		listen := log.await(t, adminListening)
		admin := "http://" + listen

		require.JSONEq(t, `{"status": "ok"}`, j.ask(http.MethodGet, admin+"/health").body)
		ready := j.requireReady(admin, http.StatusOK)
		require.Contains(t, ready, `"source":"ok"`)
		metrics := j.ask(http.MethodGet, admin+"/metrics")
		require.Contains(t, metrics.body, "go_goroutines")
		require.Contains(t, metrics.body, "sluice_state_clock_offset_seconds")
		if command != "api" {
			require.Contains(t, ready, `"worker":"ok"`)
			require.Contains(t, metrics.body, "sluice_worker_fit 1")
			require.Contains(t, metrics.body, "sluice_waiting_exports 0")
		}
		var stderr bytes.Buffer
		require.Equal(t, cli.ExitOK, cli.Run(t.Context(), []string{"health", "--admin-listen=" + listen}, io.Discard, &stderr), stderr.String())

		if command != "worker" {
			require.Contains(t, metrics.body, "go_gc_duration_seconds")
			public := "http://" + log.await(t, apiStarted)
			require.Equal(t, http.StatusNotFound, j.ask(http.MethodGet, public+"/metrics").status)
			require.Equal(t, http.StatusOK, j.ask(http.MethodGet, public+"/ready").status)
		}
		require.Zero(t, stop())
	}
}

// writeCertificate writes the self-signed certificate of net/http/httptest and its key.
func writeCertificate(t *testing.T, certFile, keyFile string) {
	t.Helper()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	server.Close()
	certificate := server.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}), 0o600))
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600))
}
