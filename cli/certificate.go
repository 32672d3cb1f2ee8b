package cli

import (
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificate is a certificate in files. Whoever renews it replaces the files,
// and the next connection has the new one.
type certificate struct {
	certFile, keyFile string
	logger            *slog.Logger

	mu      sync.Mutex
	loaded  *tls.Certificate
	changed [2]time.Time // the files, when they were looked at last
}

// loadCertificate reads the files, which must fit each other.
func loadCertificate(certFile, keyFile string, logger *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, logger: logger}
	changed, err := c.stamps()
	if err != nil {
		return nil, err
	}
	return c, c.load(changed)
}

// stamps tells when the files were changed.
func (c *certificate) stamps() (changed [2]time.Time, err error) {
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return changed, err
		}
		changed[i] = info.ModTime()
	}
	return changed, nil
}

func (c *certificate) load(changed [2]time.Time) error {
	c.changed = changed
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err == nil {
		c.loaded = &pair
	}
	return err
}

// get returns the certificate for a connection. While the files are being
// replaced, or hold nonsense, that is the one before.
func (c *certificate) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	changed, err := c.stamps()
	if err == nil && changed == c.changed {
		return c.loaded, nil
	}
	if err == nil {
		err = c.load(changed)
	}
	if err != nil {
		c.logger.WarnContext(hello.Context(), "the certificate can't be read again; the one before is used", "error", err)
	} else {
		c.logger.InfoContext(hello.Context(), "the certificate was read again")
	}
	return c.loaded, nil
}
