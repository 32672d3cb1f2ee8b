package cli

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

// expiry returns when the certificate with the serial number expires.
func expiry(serial int64) time.Time {
	return time.Now().Truncate(24 * time.Hour).Add(time.Duration(serial+1) * 24 * time.Hour)
}

// certify writes a certificate and its key with this modification time.
func certify(t *testing.T, certFile, keyFile string, serial int64, at time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: expiry(serial), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
		require.NoError(t, os.Chtimes(file, at, at))
	}
}

// A renewed certificate is used for the next connection, and an invalid one is ignored.
func TestCertificateReloads(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	begin := time.Now().Add(-time.Hour)
	certify(t, certFile, keyFile, 1, begin)

	var log bytes.Buffer
	registry := prometheus.NewRegistry()
	settings := tlsSettings{TLSCert: certFile, TLSKey: keyFile}
	config, err := settings.tls(slog.New(slog.NewTextHandler(&log, nil)), registry)
	require.NoError(t, err)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()

	// shake shakes hands and returns the serial number that was shown.
	shake := func(version uint16) (int64, error) {
		accepted := make(chan error, 1)
		go func() {
			conn, err := listener.Accept()
			if err == nil {
				server, _ := conn.(*tls.Conn)
				err = server.HandshakeContext(t.Context())
				_ = conn.Close()
			}
			accepted <- err
		}()
		dialer := &tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, MaxVersion: version}} // signed by itself
		conn, err := dialer.DialContext(t.Context(), "tcp", listener.Addr().String())
		if served := <-accepted; err != nil || served != nil {
			return 0, err
		}
		defer func() { _ = conn.Close() }()
		client, _ := conn.(*tls.Conn)
		return client.ConnectionState().PeerCertificates[0].SerialNumber.Int64(), nil
	}
	requireSerial := func(want int64) {
		t.Helper()
		got, err := shake(tls.VersionTLS13)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	requireSerial(1)
	certify(t, certFile, keyFile, 2, begin.Add(time.Minute))
	gathered, err := registry.Gather() // reads the files, too
	require.NoError(t, err)
	require.Equal(t, "sluice_tls_certificate_expiry_timestamp_seconds", gathered[0].GetName())
	require.Equal(t, expiry(2).Unix(), int64(gathered[0].GetMetric()[0].GetGauge().GetValue()))
	requireSerial(2)
	require.NoError(t, os.WriteFile(certFile, []byte("nonsense"), 0o600))
	requireSerial(2)
	require.Contains(t, log.String(), "could not reload the TLS certificate")
	require.NoError(t, os.Remove(keyFile))
	requireSerial(2)
	certify(t, certFile, keyFile, 3, begin.Add(2*time.Minute))
	requireSerial(3)
	_, err = shake(tls.VersionTLS11)
	require.Error(t, err)

	settings.TLSKey = certFile
	_, err = settings.tls(slog.New(slog.DiscardHandler), registry)
	require.ErrorContains(t, err, "SLUICE_TLS_CERT")
}
