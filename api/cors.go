package api

import (
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"
)

// What scripts of other origins may send and read (Fetch standard, "CORS
// protocol"). Credentials are in the header Authorization, which a script has to set;
// credentials that a browser adds automatically are never allowed.
const (
	corsMethods         = "GET, HEAD, POST, PUT, DELETE"
	corsRequestHeaders  = "Accept, Authorization, Content-Type, If-Match, If-None-Match, If-Range, Prefer, Range, " + requestIDHeader
	corsResponseHeaders = "Accept-Ranges, Content-Disposition, Content-Encoding, Content-Length, Content-Location, Content-Range, " +
		"ETag, Expires, Location, Preference-Applied, Retry-After, X-Export-Status, X-Progress, " + requestIDHeader
	corsMaxAge = "600" // seconds for which a browser may cache this
)

// cors allows scripts of the configured origins to use the API from a browser.
func (a *API) cors(c *gin.Context) {
	if len(a.config.CORSOrigins) == 0 {
		return
	}
	c.Writer.Header().Add("Vary", "Origin")
	origin := c.GetHeader("Origin")
	switch {
	case origin == "":
		return
	case slices.Contains(a.config.CORSOrigins, "*"):
		origin = "*"
	case !slices.Contains(a.config.CORSOrigins, origin):
		return
	}
	c.Header("Access-Control-Allow-Origin", origin)
	c.Header("Access-Control-Expose-Headers", corsResponseHeaders)
	if c.Request.Method == http.MethodOptions && c.GetHeader("Access-Control-Request-Method") != "" {
		c.Header("Access-Control-Allow-Methods", corsMethods)
		c.Header("Access-Control-Allow-Headers", corsRequestHeaders)
		c.Header("Access-Control-Max-Age", corsMaxAge)
		c.AbortWithStatus(http.StatusNoContent)
	}
}
