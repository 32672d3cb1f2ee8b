package api

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/ndjson"
)

const requestIDHeader = "X-Request-Id"

// requestID is what a request id from outside may look like: it goes into
// logs and headers.
var requestID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// identify gives the request the id it came with, or a new one.
func (a *API) identify(c *gin.Context) {
	id := c.GetHeader(requestIDHeader)
	if !requestID.MatchString(id) {
		id = rand.Text()
	}
	c.Set(keyRequestID, id)
	c.Header(requestIDHeader, id)
	// All there is to get is about patients.
	c.Header("Cache-Control", "no-store")
	c.Header("X-Content-Type-Options", "nosniff")
}

// The keys under which gin's context carries what is known of a request.
const (
	keyRequestID = "request"
	keyClient    = "client"
	keyDumped    = "dumped"
	keyResources = "resources"
	keyTypes     = "types"
	keyRunning   = "running"
)

// log writes a line for each request when it is over, however it ends. Neither
// the query nor a body nor a header goes into it.
func (a *API) log(c *gin.Context) {
	begin := time.Now()
	defer func() {
		attrs := []slog.Attr{
			slog.String("request", c.GetString(keyRequestID)),
			slog.String("method", c.Request.Method),
			slog.String("path", shorten(c.Request.URL.Path)),
			slog.Int("status", c.Writer.Status()),
			slog.Int("bytes", max(c.Writer.Size(), 0)),
			slog.Duration("duration", time.Since(begin)),
			slog.String("remote", c.ClientIP()),
		}
		if client := c.GetString(keyClient); client != "" {
			attrs = append(attrs, slog.String("client", client))
		}
		dumped, _ := c.Get(keyDumped)
		if result, ok := dumped.(ndjson.Result); ok {
			attrs = append(attrs, slog.Int64("resources", result.Rows), slog.Int64("issues", result.Issues))
		}
		level := slog.LevelInfo
		if err := c.Errors.Last(); err != nil {
			attrs = append(attrs, slog.String("error", describe(err.Err)))
			// A client that went away is no fault of ours; an answer that was
			// cut for another reason still has the status it began with.
			gone := c.Request.Context().Err() != nil
			if status := c.Writer.Status(); !gone && (status >= http.StatusInternalServerError || status < http.StatusBadRequest) {
				level = slog.LevelError
			}
		}
		a.config.Logger.LogAttrs(c.Request.Context(), level, "request", attrs...)
	}()
	c.Next()
}

// describe says what is known of an error, also what the client was not told.
// But what is said of a parameter quotes the query, which is for the client
// alone.
func describe(err error) string {
	var p *problem
	switch {
	case !errors.As(err, &p):
		return err.Error()
	case p.parameter != "":
		return p.code
	case p.cause != nil:
		return p.cause.Error()
	}
	return p.text
}

// recover answers for a handler that panicked. The deliberate panic that cuts
// the connection goes on to the server.
func (a *API) recover(c *gin.Context) {
	defer func() {
		value := recover()
		if value == nil {
			return
		}
		if err, ok := value.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(http.ErrAbortHandler)
		}
		a.config.Logger.ErrorContext(c.Request.Context(), "panic", "request", c.GetString(keyRequestID), "value", value, "stack", string(debug.Stack()))
		c.Abort()
		a.refuse(c, internal(errors.New("panic")))
	}()
	c.Next()
}
