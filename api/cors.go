package api

import (
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"
)

// What scripts of other origins may send and read (Fetch standard, "CORS
// protocol"). Credentials come in the header Authorization, which a script has
// to set itself; those that a browser would add on its own are never allowed.
const (
	corsMethods = "GET, HEAD, POST, DELETE"
	corsRequest = "Accept, Authorization, Content-Type, If-None-Match, If-Range, Prefer, Range, " + requestIDHeader
	corsAnswer  = "Accept-Ranges, Content-Disposition, Content-Encoding, Content-Length, Content-Location, Content-Range, " +
		"ETag, Expires, Preference-Applied, Retry-After, X-Export-Status, X-Progress, " + requestIDHeader
	corsMaxAge = "600" // seconds for which a browser need not ask again
)

// cors lets scripts of the configured origins use the API from a browser.
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
	c.Header("Access-Control-Expose-Headers", corsAnswer)
	if c.Request.Method == http.MethodOptions && c.GetHeader("Access-Control-Request-Method") != "" {
		c.Header("Access-Control-Allow-Methods", corsMethods)
		c.Header("Access-Control-Allow-Headers", corsRequest)
		c.Header("Access-Control-Max-Age", corsMaxAge)
		c.AbortWithStatus(http.StatusNoContent)
	}
}
