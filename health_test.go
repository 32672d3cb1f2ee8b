package main

import (
	"bytes"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestHealth: the command tells a container's health check what it wants to
// know, also of a server that speaks TLS.
func TestHealth(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.sluice(exitOK, "migrate")
	health := func(code int, args ...string) string {
		var stdout, stderr bytes.Buffer
		require.Equal(t, code, run(t.Context(), append([]string{"health"}, args...), &stdout, &stderr), stderr.String())
		require.Empty(t, stdout.String())
		return stderr.String()
	}
	address, stop := j.start("api")
	listen := "--listen=" + strings.TrimPrefix(address, "http://")
	health(exitOK, listen)
	health(exitOK, listen, "--live")
	stop()
	require.Equal(t, 1, strings.Count(health(exitFailed, listen), "\n"))
	health(exitFailed, "--listen=nowhere")

	j.bucket = "http://k:s@127.0.0.1:1/away"
	j.sluice(exitOK, "location", "record", "--s3-url="+j.bucket)
	address, _ = j.start("api")
	listen = "--listen=" + strings.TrimPrefix(address, "http://")
	require.Contains(t, health(exitFailed, listen), "503")
	health(exitOK, listen, "--live")

	certFile, keyFile := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	certify(t, certFile, keyFile, 1, time.Now())
	address, _ = j.start("api", "--tls-cert="+certFile, "--tls-key="+keyFile)
	listen = "--listen=" + strings.TrimPrefix(address, "http://")
	health(exitOK, listen, "--live", "--tls-cert="+certFile)
	health(exitFailed, listen, "--live")
}

// adminListening is what a process logs once its admin listener can be asked.
var adminListening = regexp.MustCompile(`"admin listener","address":"([^"]+)"`)

// TestAdminListener: each kind of process answers an operator without
// credentials, and the API's own port then has no metrics.
func TestAdminListener(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.sluice(exitOK, "migrate")
	for _, command := range []string{"worker", "api", "serve"} {
		log, stop := j.launch(command, "--admin-listen=127.0.0.1:0")
		listen := log.await(t, adminListening)
		admin := "http://" + listen

		require.JSONEq(t, `{"status": "ok"}`, j.ask(http.MethodGet, admin+"/health").body)
		ready := j.ask(http.MethodGet, admin+"/ready")
		require.Equal(t, http.StatusOK, ready.status, ready.body)
		require.Contains(t, ready.body, `"source":"ok"`)
		metrics := j.ask(http.MethodGet, admin+"/metrics")
		require.Contains(t, metrics.body, "go_goroutines")
		require.Contains(t, metrics.body, "sluice_state_clock_offset_seconds")
		if command != "api" {
			require.Contains(t, ready.body, `"worker":"ok"`)
			require.Contains(t, metrics.body, "sluice_worker_fit 1")
			require.Contains(t, metrics.body, "sluice_waiting_exports 0")
		}
		var stderr bytes.Buffer
		require.Equal(t, exitOK, run(t.Context(), []string{"health", "--admin-listen=" + listen}, io.Discard, &stderr), stderr.String())

		if command != "worker" {
			require.Contains(t, metrics.body, "go_gc_duration_seconds")
			public := "http://" + log.await(t, listening)
			require.Equal(t, http.StatusNotFound, j.ask(http.MethodGet, public+"/metrics").status)
			require.Equal(t, http.StatusOK, j.ask(http.MethodGet, public+"/ready").status)
		}
		require.Zero(t, stop())
	}
}

func TestHealthAddress(t *testing.T) {
	t.Parallel()
	got, err := (&healthCommand{Listen: "0.0.0.0:8080", adminSettings: adminSettings{AdminListen: ":9090"}, TLSCert: "cert.pem"}).address()
	require.NoError(t, err)
	require.Equal(t, "http://127.0.0.1:9090/ready", got)
	for listen, want := range map[string]string{
		"127.0.0.1:8080": "http://127.0.0.1:8080/ready", "0.0.0.0:80": "http://127.0.0.1:80/ready", ":8080": "http://127.0.0.1:8080/ready",
		"[::]:8080": "http://[::1]:8080/ready", "[::1]:8080": "http://[::1]:8080/ready", "sluice:8080": "http://sluice:8080/ready",
	} {
		got, err := (&healthCommand{Listen: listen}).address()
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}
