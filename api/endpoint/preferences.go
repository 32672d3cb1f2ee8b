package endpoint

import (
	"strings"

	"github.com/gin-gonic/gin"
)

// The preferences that a kick-off may state (Bulk Data 3.0.0, "Headers").
const (
	RespondAsync   = "respond-async"
	SeparateStatus = "separate-export-status"
	Lenient        = handling + "=" + lenient

	handling = "handling"
	lenient  = "lenient"
)

// Prefers reports whether the request states the preference (RFC 7240).
func Prefers(c *gin.Context, preference string) bool {
	_, ok := preferred(c, preference)
	return ok
}

// PrefersLenient reports whether the client prefers that the server ignores what
// it does not support.
func PrefersLenient(c *gin.Context) bool {
	value, _ := preferred(c, handling)
	return strings.EqualFold(value, lenient)
}

// preferred returns the value of a preference, which may be empty. Only the first
// occurrence counts.
func preferred(c *gin.Context, preference string) (value string, ok bool) {
	for _, header := range c.Request.Header.Values("Prefer") {
		for member := range strings.SplitSeq(header, ",") {
			member, _, _ = strings.Cut(member, ";") // parameters of the preference
			name, value, _ := strings.Cut(member, "=")
			if strings.EqualFold(strings.TrimSpace(name), preference) {
				return strings.Trim(strings.TrimSpace(value), `"`), true
			}
		}
	}
	return "", false
}
