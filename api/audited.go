package api

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/audit"
)

// auditedHandler answers a request and records in the event what the client
// receives or does.
type auditedHandler func(*gin.Context, *audit.Event) error

// audited returns a handler that records the event of a request when its response
// has ended.
func (a *API) audited(action audit.Action, do auditedHandler) gin.HandlerFunc {
	return func(c *gin.Context) {
		event := &audit.Event{
			At: time.Now(), Action: action, Remote: c.ClientIP(), Request: c.GetString(keyRequestID),
			Path: problem.Shorten(c.Request.URL.Path),
		}
		c.Set(keyEvent, event)
		defer func() {
			event.Status, event.Bytes = c.Writer.Status(), int64(max(c.Writer.Size(), 0))
			if event.Status >= http.StatusBadRequest {
				event.Resources = 0 // what failed before the first byte was not received
			}
			if failure := c.Errors.Last(); failure != nil && event.Status < http.StatusBadRequest {
				event.Broken, event.Reason = true, endpoint.BreakReason(c.Request.Context(), failure.Err)
			}
			a.countResources(event)
			a.audit.Record(c.Request.Context(), *event)
		}()
		a.respond(c, func() error { return do(c, event) })
	}
}

// countResources counts what the client of a stream has received.
func (a *API) countResources(event *audit.Event) {
	if a.config.ClientResources != nil && event.Resources > 0 && (event.Action == audit.Dump || event.Action == audit.Run) {
		a.config.ClientResources.WithLabelValues(event.Client, string(event.Action)).Add(float64(event.Resources))
	}
}

func withExport(do auditedHandler) auditedHandler {
	return func(c *gin.Context, event *audit.Event) error {
		event.Export = problem.Shorten(c.Param("id"))
		return do(c, event)
	}
}
