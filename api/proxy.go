package api

import (
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// trusted tells whether the request came from a proxy whose word about the
// client is taken.
func (a *API) trusted(c *gin.Context) bool {
	peer, err := netip.ParseAddr(c.RemoteIP())
	return err == nil && slices.ContainsFunc(a.config.Proxies, func(p netip.Prefix) bool { return p.Contains(peer.Unmap()) })
}

// host is what the name of a server may look like; it goes into links.
var host = regexp.MustCompile(`^[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?$|^\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?$`)

// origin is the scheme and the host that the request was sent to: as the client
// wrote them, if a trusted proxy says so.
func (a *API) origin(c *gin.Context) string {
	scheme, name := "http", c.Request.Host
	if c.Request.TLS != nil {
		scheme = "https"
	}
	if a.trusted(c) {
		switch proto := forwarded(c.Request.Header, "X-Forwarded-Proto"); proto {
		case "http", "https":
			scheme = proto
		}
		if said := forwarded(c.Request.Header, "X-Forwarded-Host"); host.MatchString(said) {
			name = said
		}
	}
	return scheme + "://" + name
}

// forwarded is what the last proxy says: each adds what it saw at the end.
func forwarded(header http.Header, name string) string {
	values := strings.Split(strings.Join(header.Values(name), ","), ",")
	return strings.TrimSpace(values[len(values)-1])
}

// proxies writes the trusted proxies as gin reads them.
func (a *API) proxies() []string {
	texts := make([]string, len(a.config.Proxies))
	for i, prefix := range a.config.Proxies {
		texts[i] = prefix.String()
	}
	return texts
}
