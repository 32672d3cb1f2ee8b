package api

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"regexp"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/audit"
)

const requestIDHeader = "X-Request-Id"

// requestID matches the request ids that are accepted from clients: they are
// written to logs and headers.
var requestID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// The keys of values that gin's context carries for the log.
const (
	keyRequestID = "request"
	keyEvent     = "event"
)

// identify gives the request an id, which a client may choose, and sets the headers
// of all responses.
func (a *API) identify(c *gin.Context) {
	id := c.GetHeader(requestIDHeader)
	if !requestID.MatchString(id) {
		id = rand.Text()
	}
	c.Set(keyRequestID, id)
	c.Header(requestIDHeader, id)
	c.Header("Cache-Control", "no-store") // responses contain patient data
	c.Header("X-Content-Type-Options", "nosniff")
}

// log writes a line for each request when it has ended, however it ends. It
// contains no query, body or header.
func (a *API) log(c *gin.Context) {
	start := time.Now()
	defer func() {
		attrs := []slog.Attr{
			slog.String("request", c.GetString(keyRequestID)),
			slog.String("method", c.Request.Method),
			slog.String("path", problem.Shorten(c.Request.URL.Path)),
			slog.Int("status", c.Writer.Status()),
			slog.Int("bytes", max(c.Writer.Size(), 0)),
			slog.Duration("duration", time.Since(start)),
			slog.String("remote", c.ClientIP()),
		}
		attrs = append(attrs, eventAttrs(c)...)
		level := slog.LevelInfo
		if err := c.Errors.Last(); err != nil {
			attrs = append(attrs, slog.String("error", problem.Describe(err.Err)))
			level = errorLevel(c, err.Err)
		}
		a.config.Logger.LogAttrs(c.Request.Context(), level, "request", attrs...)
	}()
	c.Next()
}

// eventAttrs returns what the event of an audited request adds to its log line.
func eventAttrs(c *gin.Context) (attrs []slog.Attr) {
	value, _ := c.Get(keyEvent)
	event, ok := value.(*audit.Event)
	if !ok {
		return nil
	}
	if event.Client != "" {
		attrs = append(attrs, slog.String("client", event.Client))
	}
	if (event.Action == audit.Dump || event.Action == audit.Run) && event.Status < http.StatusBadRequest {
		attrs = append(attrs, slog.Int64("resources", event.Resources), slog.Int64("issues", event.Issues))
	}
	return attrs
}

// errorLevel returns the level of the log line of a failed request: error if the
// server failed, which a client that disconnected or data that do not fit the request
// are not. A response that was cut off has the status with which it began.
func errorLevel(c *gin.Context, err error) slog.Level {
	status := c.Writer.Status()
	switch {
	case c.Request.Context().Err() != nil, status >= http.StatusBadRequest && status < http.StatusInternalServerError:
		return slog.LevelInfo
	case problem.IsDataFault(err):
		return slog.LevelWarn
	}
	return slog.LevelError
}

// limitBody bounds the time in which a client must send the body of a request. When
// the whole body was read, net/http removes the deadline, so the response may take
// longer.
func (a *API) limitBody(c *gin.Context) {
	if c.Request.Body == nil || c.Request.Body == http.NoBody {
		return
	}
	// A writer without deadlines, as in tests, never blocks.
	_ = http.NewResponseController(c.Writer).SetReadDeadline(time.Now().Add(a.config.RequestTimeout))
}
