// Package access decides which requests of a client carry credentials, and to which servers
// they may be redirected with them. It must not know what is requested.
package access

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/seed-90096f4d/sluice/fetch/quote"
)

// Authorizer authorizes requests (login.Login).
type Authorizer interface {
	// Authorize sets the Authorization header of a request. The request is repeated after
	// an error unless that is marked by retry.Permanent.
	Authorize(ctx context.Context, r *http.Request) error
	// Rejected is called after a response 401. It reports whether the request can be
	// repeated with other credentials.
	Rejected(r *http.Request) bool
}

// Authorize sets the credentials of a request to the server with a base URL, or to another
// one to which that server refers. withheld says why the request has none; it is empty if
// it has some.
//
// Nothing is sent unencrypted if the base URL has TLS. The password of HTTP Basic is sent
// only to the origin of the base URL: it does not expire, and it is not limited to a scope.
// Access tokens are sent to every server to which that server refers. For files, Bulk Data
// Access requires it if requiresAccessToken is true (section "Bulk Data Output File
// Request"). The status, the pages of the manifest and the deletion are parts of the
// protected API wherever the server puts them, and nobody else can follow the export.
func Authorize(ctx context.Context, login Authorizer, base *url.URL, r *http.Request) (withheld string, err error) {
	if base.Scheme == "https" && r.URL.Scheme != "https" {
		return "no credentials were sent to " + quote.URL(r.URL) + ", since it has no TLS", nil
	}
	if err := login.Authorize(ctx, r); err != nil {
		return "", err
	}
	if _, _, isBasic := r.BasicAuth(); isBasic && !SameOrigin(base, r.URL) {
		r.Header.Del("Authorization")
		return "the password was not sent to " + quote.URL(r.URL) + ", since it is on another server than the base URL", nil
	}
	return "", nil
}

// SameOrigin reports whether a URL has the scheme, host and port of another one. A URL with
// https and the default port has the origin of the one with http.
func SameOrigin(from, to *url.URL) bool {
	if !strings.EqualFold(from.Hostname(), to.Hostname()) {
		return false
	}
	if from.Scheme == to.Scheme {
		return port(from) == port(to)
	}
	return from.Scheme == "http" && port(from) == "80" && to.Scheme == "https" && port(to) == "443"
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}
