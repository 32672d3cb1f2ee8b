package cli

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
)

// tlsSettings let Sluice speak TLS itself, without a proxy before it.
type tlsSettings struct {
	TLSCert string `name:"tls-cert" env:"SLUICE_TLS_CERT" placeholder:"FILE" type:"path" help:"The certificate, with its chain, to speak TLS with; read again when the file changes."`
	TLSKey  string `name:"tls-key" env:"SLUICE_TLS_KEY" placeholder:"FILE" type:"path" help:"The private key of the certificate."`
}

// Validate wants both or none.
func (s *tlsSettings) Validate() error {
	if (s.TLSCert == "") != (s.TLSKey == "") {
		return errors.New("SLUICE_TLS_CERT (--tls-cert) and SLUICE_TLS_KEY (--tls-key) are both needed, or neither")
	}
	return nil
}

// tls returns how to speak TLS, or nil without a certificate.
func (s *tlsSettings) tls(logger *slog.Logger) (*tls.Config, error) {
	if s.TLSCert == "" {
		return nil, nil
	}
	loaded, err := loadCertificate(s.TLSCert, s.TLSKey, logger)
	if err != nil {
		return nil, fmt.Errorf("SLUICE_TLS_CERT: %w", err)
	}
	return &tls.Config{
		GetCertificate: loaded.get,
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"}, // whose chunks tell a broken dump from a whole one
	}, nil
}
