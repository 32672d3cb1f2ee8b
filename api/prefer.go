package api

import (
	"strings"

	"github.com/gin-gonic/gin"
)

// The preferences that a kick-off may state (Bulk Data 3.0.0, "Headers").
const (
	respondAsync   = "respond-async"
	separateStatus = "separate-export-status"
	handling       = "handling"
	lenient        = "lenient"
)

// prefers tells whether the request has the preference (RFC 7240).
func prefers(c *gin.Context, preference string) bool {
	_, ok := preferred(c, preference)
	return ok
}

// preferred returns the value of a preference; of one stated twice, the first
// counts. One without a value, as most are, has the empty one.
func preferred(c *gin.Context, preference string) (value string, ok bool) {
	for _, header := range c.Request.Header.Values("Prefer") {
		for one := range strings.SplitSeq(header, ",") {
			one, _, _ = strings.Cut(one, ";") // parameters of the preference
			name, value, _ := strings.Cut(one, "=")
			if strings.EqualFold(strings.TrimSpace(name), preference) {
				return strings.Trim(strings.TrimSpace(value), `"`), true
			}
		}
	}
	return "", false
}

// prefersLenient tells whether the client would rather get what can be done than
// be refused.
func prefersLenient(c *gin.Context) bool {
	value, _ := preferred(c, handling)
	return strings.EqualFold(value, lenient)
}
