package remote

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/seed-90096f4d/sluice/fetch/access"
	"github.com/seed-90096f4d/sluice/fetch/retry"
)

// Connection is how servers are reached.
type Connection struct {
	// CAFile has CA certificates in PEM, trusted in addition to the certificates of the
	// system.
	CAFile string
	// ConnectTimeout limits connecting; ResponseTimeout waiting for response headers. 0
	// means no limit.
	ConnectTimeout, ResponseTimeout time.Duration
	// UserAgent is the value of that header.
	UserAgent string
}

const (
	// pingAfter is how long an HTTP/2 connection may be silent until it is tested, and
	// pingTimeout how long the test may take: dead connections are noticed.
	pingAfter   = 30 * time.Second
	pingTimeout = 15 * time.Second

	maxRedirects = 10
)

// Client returns an HTTP client for a server of FHIR Bulk Data Access and for the servers
// of its files. It leaves bodies as they are received, compressed or not, has no limit for
// the duration of a response, and sends credentials to no other origin on redirects.
func Client(c Connection) (*http.Client, error) {
	roots, err := c.roots()
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: c.ConnectTimeout}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   c.ConnectTimeout,
		ResponseHeaderTimeout: c.ResponseTimeout,
		ForceAttemptHTTP2:     true,
		HTTP2:                 &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
		DisableCompression:    true,
		MaxIdleConnsPerHost:   64,
		IdleConnTimeout:       90 * time.Second,
		ReadBufferSize:        64 << 10,
	}
	return &http.Client{Transport: &userAgent{transport, c.UserAgent}, CheckRedirect: checkRedirect}, nil
}

// roots returns the trusted certificates; nil means the certificates of the system.
func (c Connection) roots() (*x509.CertPool, error) {
	if c.CAFile == "" {
		return nil, nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read the CA certificates of the system: %w", err)
	}
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read the CA certificates: %w", err)
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s has no certificate in PEM", c.CAFile)
	}
	return roots, nil
}

// userAgent sets the header of that name.
type userAgent struct {
	next  *http.Transport
	value string
}

// RoundTrip sends a request.
func (u *userAgent) RoundTrip(r *http.Request) (*http.Response, error) {
	if u.value != "" && r.Header.Get("User-Agent") == "" {
		r = r.Clone(r.Context())
		r.Header.Set("User-Agent", u.value)
	}
	return u.next.RoundTrip(r)
}

// CloseIdleConnections closes the connections that no request uses.
func (u *userAgent) CloseIdleConnections() { u.next.CloseIdleConnections() }

// checkRedirect follows redirects without disclosing anything to other servers: net/http
// keeps the credentials for subdomains and other ports, and sends the URL, whose query may
// be signed, as Referer. A redirect that changes the method is refused: a DELETE that
// became a GET deletes nothing.
func checkRedirect(r *http.Request, via []*http.Request) error {
	if len(via) >= maxRedirects {
		return retry.Permanent(fmt.Errorf("more than %d redirects", maxRedirects))
	}
	first := via[0]
	if r.Method != first.Method {
		return retry.Permanent(fmt.Errorf("the redirect changes the method from %s to %s", first.Method, r.Method))
	}
	if r.URL.Scheme != "http" && r.URL.Scheme != "https" {
		return retry.Permanent(errors.New("the redirect leads to a URL that is neither http nor https"))
	}
	r.Header.Del("Referer")
	for _, earlier := range append(via[1:len(via):len(via)], r) {
		if !access.SameOrigin(first.URL, earlier.URL) {
			r.Header.Del("Authorization")
			r.Header.Del("Cookie")
		}
	}
	return nil
}
