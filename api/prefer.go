package api

import (
	"strings"

	"github.com/gin-gonic/gin"
)

// prefers tells whether the request has the preference (RFC 7240).
func prefers(c *gin.Context, preference string) bool {
	for _, header := range c.Request.Header.Values("Prefer") {
		for one := range strings.SplitSeq(header, ",") {
			token, _, _ := strings.Cut(one, ";")
			if strings.EqualFold(strings.TrimSpace(token), preference) {
				return true
			}
		}
	}
	return false
}
