package api

import (
	"errors"
	"net/http"
	"runtime/debug"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
)

// handle turns a handler that returns an error into one of gin's.
func (a *API) handle(do func(*gin.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) { a.respond(c, func() error { return do(c) }) }
}

// respond runs a handler. An error or a panic of it becomes the response.
func (a *API) respond(c *gin.Context, do func() error) {
	defer func() {
		switch value := recover(); value {
		case nil:
		case http.ErrAbortHandler: // cuts the connection
			panic(value)
		default:
			a.config.Logger.ErrorContext(c.Request.Context(), "panic", "request", c.GetString(keyRequestID), "value", value, "stack", string(debug.Stack()))
			a.refuse(c, problem.Internal(errors.New("panic")))
		}
	}()
	if err := do(); err != nil {
		a.refuse(c, err)
	}
}

// unsent are headers of a response that an error replaces.
var unsent = []string{"Accept-Ranges", "Content-Disposition", "Content-Encoding", "Content-Length", "Content-Type", "ETag", "Expires", "X-Export-Status"}

// refuse answers with the error. A response that has begun can only be cut off.
func (a *API) refuse(c *gin.Context, err error) {
	_ = c.Error(err) // for the log
	if c.Writer.Written() {
		panic(http.ErrAbortHandler)
	}

	for _, name := range unsent {
		c.Header(name, "")
	}
	var p *problem.Problem
	if !errors.As(err, &p) {
		p = problem.Internal(err)
	}
	a.metrics.countRefusal(p.Refusal())
	switch p.Status {
	case http.StatusUnauthorized:
		a.challenge(c)
	case http.StatusUpgradeRequired:
		c.Header("Connection", "Upgrade")
		c.Header("Upgrade", "HTTP/1.1")
	}
	if p.RetryAfter > 0 {
		c.Header("Retry-After", strconv.Itoa(endpoint.Seconds(p.RetryAfter)))
	}
	endpoint.WriteJSON(c, p.Status, endpoint.ContentTypeFHIR, p.Outcome())
}
