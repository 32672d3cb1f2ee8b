package api

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

// hurry lets no client take forever to send a body. When the body is there
// whole, net/http lifts the deadline: the answer may take its time. Of a body
// that nobody reads, the server takes no more than comes in time either.
func (a *API) hurry(c *gin.Context) {
	if c.Request.Body == nil || c.Request.Body == http.NoBody {
		return
	}
	// A writer without deadlines, as tests have, never blocks.
	_ = http.NewResponseController(c.Writer).SetReadDeadline(time.Now().Add(a.config.RequestTimeout))
}
