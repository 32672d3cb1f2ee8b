package main

import (
	"bytes"
	"path/filepath"
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

func TestHealthAddress(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]string{
		"127.0.0.1:8080": "http://127.0.0.1:8080/ready", "0.0.0.0:80": "http://127.0.0.1:80/ready", ":8080": "http://127.0.0.1:8080/ready",
		"[::]:8080": "http://[::1]:8080/ready", "[::1]:8080": "http://[::1]:8080/ready", "sluice:8080": "http://sluice:8080/ready",
	} {
		got, err := (&healthCommand{Listen: listen}).address()
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}
