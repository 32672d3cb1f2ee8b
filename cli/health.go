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

// healthTimeout is longer than the server needs for its checks.
const healthTimeout = 8 * time.Second

type healthCommand struct {
	adminSettings
	Listen  string `env:"SLUICE_LISTEN" default:"127.0.0.1:8080" help:"Address of the API."`
	TLSCert string `name:"tls-cert" env:"SLUICE_TLS_CERT" placeholder:"FILE" help:"TLS certificate of the server, if it serves TLS itself."`
	Live    bool   `help:"Check only that the process is alive, not its databases and object store."`
}

// Run checks the server on this machine.
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
	// The certificate names the host that clients use. The request has no secrets, and
	// only the status of the response is used.
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", address, response.Status)
	}
	return nil
}

// address returns the URL to request: of the admin listener if there is one, else of the
// API. An unspecified listen address becomes the loopback address.
func (cmd *healthCommand) address() (string, error) {
	flag, listen, tlsCert := "listen", cmd.Listen, cmd.TLSCert
	if cmd.AdminListen != "" {
		flag, listen, tlsCert = "admin-listen", cmd.AdminListen, ""
	}
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", fmt.Errorf("%s must be an address such as 127.0.0.1:8080, got %q", setting(flag), listen)
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
