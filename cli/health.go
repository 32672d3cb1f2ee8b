package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/seed-90096f4d/sluice/telemetry"
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
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return err
	}
	// The certificate names the host that clients use, and the request has no secrets.
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode == http.StatusOK {
		return nil
	}
	text := fmt.Sprintf("%s: %s", address, response.Status)
	if reason := healthReason(io.LimitReader(response.Body, maxHealthBody)); reason != "" {
		text += ": " + reason
	}
	return errors.New(text)
}

// maxHealthBody limits the response that is read.
const maxHealthBody = 64 << 10

// healthReason returns why a process is not healthy or ready, as far as its response says
// so.
func healthReason(body io.Reader) string {
	var report struct {
		telemetry.Report
		Reason string `json:"reason"` // of /health
	}
	if err := json.NewDecoder(body).Decode(&report); err != nil {
		return "" // not a response of Sluice
	}
	if report.Reason != "" {
		return report.Reason
	}
	var failing []string
	for _, name := range slices.Sorted(maps.Keys(report.Checks)) {
		switch reason := report.Reasons[name]; {
		case reason != "":
			failing = append(failing, name+": "+reason)
		case report.Checks[name] != "ok":
			failing = append(failing, name)
		}
	}
	return strings.Join(failing, "; ")
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
