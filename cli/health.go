package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// healthTimeout is more than the server takes for its checks.
const healthTimeout = 8 * time.Second

type healthCommand struct {
	adminSettings
	Listen  string `env:"SLUICE_LISTEN" default:"127.0.0.1:8080" help:"The address that the server answers requests on."`
	TLSCert string `name:"tls-cert" env:"SLUICE_TLS_CERT" placeholder:"FILE" help:"The certificate that the server speaks TLS with, if it does."`
	Live    bool   `help:"Ask only whether the process lives, not whether all it needs is there."`
}

// Run asks the server on this machine how it is, for containers that have no
// other program to do so.
func (cmd *healthCommand) Run(ctx context.Context) error {
	address, err := cmd.address()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, address, http.NoBody)
	if err != nil {
		return err
	}
	// The certificate is made out to the name that clients use. Nothing is told
	// to the server, and no more believed of it than that it answers.
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", address, answer.Status)
	}
	return nil
}

// address is where to ask: the admin listener, which a worker has too, or the
// API. A server that listens everywhere listens here.
func (cmd *healthCommand) address() (string, error) {
	setting, listen, tlsCert := "SLUICE_LISTEN (--listen)", cmd.Listen, cmd.TLSCert
	if cmd.AdminListen != "" {
		setting, listen, tlsCert = "SLUICE_ADMIN_LISTEN (--admin-listen)", cmd.AdminListen, ""
	}
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", fmt.Errorf("%s must be an address such as 127.0.0.1:8080, got %q", setting, listen)
	}
	switch ip, _ := netip.ParseAddr(cmp.Or(host, "0.0.0.0")); ip {
	case netip.IPv4Unspecified():
		host = "127.0.0.1"
	case netip.IPv6Unspecified():
		host = "::1"
	}
	scheme, path := "http", "/ready"
	if tlsCert != "" {
		scheme = "https"
	}
	if cmd.Live {
		path = "/health"
	}
	return scheme + "://" + net.JoinHostPort(host, port) + path, nil
}
