package api

import (
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

func (a *API) trusted(c *gin.Context) bool {
	peer, err := netip.ParseAddr(c.RemoteIP())
	return err == nil && slices.ContainsFunc(a.config.Proxies, func(p netip.Prefix) bool { return p.Contains(peer.Unmap()) })
}

// hostName matches the names of servers that are written to links.
var hostName = regexp.MustCompile(`^[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?$|^\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?$`)

// baseURL returns the URL under which the client knows the server, without a
// trailing slash: the configured one, or the scheme and the host to which the request
// was sent, according to a trusted proxy if there is one.
func (a *API) baseURL(c *gin.Context) string {
	if a.config.BaseURL != "" {
		return a.config.BaseURL
	}
	scheme, name := "http", c.Request.Host
	if c.Request.TLS != nil {
		scheme = "https"
	}
	if a.trusted(c) {
		switch proto := forwarded(c.Request.Header, "X-Forwarded-Proto"); proto {
		case "http", "https":
			scheme = proto
		}
		if forwardedHost := forwarded(c.Request.Header, "X-Forwarded-Host"); hostName.MatchString(forwardedHost) {
			name = forwardedHost
		}
	}
	return scheme + "://" + name
}

// forwarded returns the value that the last proxy added to the header.
func forwarded(header http.Header, name string) string {
	values := strings.Split(strings.Join(header.Values(name), ","), ",")
	return strings.TrimSpace(values[len(values)-1])
}

// proxies returns the trusted proxies in gin's form.
func (a *API) proxies() []string {
	texts := make([]string, len(a.config.Proxies))
	for i, prefix := range a.config.Proxies {
		texts[i] = prefix.String()
	}
	return texts
}
