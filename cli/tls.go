package cli

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// tlsSettings are the settings of an API that serves TLS itself, without a proxy.
type tlsSettings struct {
	TLSCert string `name:"tls-cert" env:"SLUICE_TLS_CERT" placeholder:"FILE" type:"path" help:"TLS certificate with its chain, in PEM format. Reloaded when the file changes."`
	TLSKey  string `name:"tls-key" env:"SLUICE_TLS_KEY" placeholder:"FILE" type:"path" help:"Private key of the TLS certificate, in PEM format."`
}

// Validate requires both files or neither.
func (s *tlsSettings) Validate() error {
	if (s.TLSCert == "") != (s.TLSKey == "") {
		return fmt.Errorf("%s and %s must be set together", setting("tls-cert"), setting("tls-key"))
	}
	return nil
}

// tls returns the TLS configuration, or nil without a certificate. registry gets the
// metric of the certificate.
func (s *tlsSettings) tls(logger *slog.Logger, registry prometheus.Registerer) (*tls.Config, error) {
	if s.TLSCert == "" {
		return nil, nil
	}
	loaded := &certificate{certFile: s.TLSCert, keyFile: s.TLSKey, logger: logger}
	if _, err := loaded.reload(); err != nil {
		return nil, fmt.Errorf("%s: %w", setting("tls-cert"), err)
	}
	promauto.With(registry).NewGaugeFunc(prometheus.GaugeOpts{
		Name: "sluice_tls_certificate_expiry_timestamp_seconds",
		Help: "When the TLS certificate of the API expires.",
	}, func() float64 { return float64(loaded.load(context.Background()).Leaf.NotAfter.Unix()) })
	return &tls.Config{
		GetCertificate: loaded.get,
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"}, // a dump that breaks off lacks the last chunk
	}, nil
}

// certificate is a certificate in files. When they are replaced, the next connection
// gets the new one. It is safe for concurrent use.
type certificate struct {
	certFile, keyFile string
	logger            *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	changed [2]time.Time // modification times of the files when they were last loaded
}

// reload loads the certificate and its private key, if their files were changed since
// the previous call, and reports whether it did.
func (c *certificate) reload() (bool, error) {
	var changed [2]time.Time
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return false, err
		}
		changed[i] = info.ModTime()
	}
	if changed == c.changed {
		return false, nil
	}
	c.changed = changed
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return false, err
	}
	c.current = &pair
	return true, nil
}

// get returns the certificate for a connection.
func (c *certificate) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return c.load(hello.Context()), nil
}

// load returns the certificate in the files. It is the previous one while they are being
// replaced or are invalid.
func (c *certificate) load(ctx context.Context) *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch reloaded, err := c.reload(); {
	case err != nil:
		c.logger.WarnContext(ctx, "could not reload the TLS certificate; keeping the previous one", "error", err)
	case reloaded:
		c.logger.InfoContext(ctx, "TLS certificate reloaded")
	}
	return c.current
}
