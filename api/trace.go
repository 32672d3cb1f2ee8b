package api

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/seed-90096f4d/sluice/audit"
	"github.com/seed-90096f4d/sluice/telemetry/span"
)

// trace records a request as a span, which continues the trace of a trusted proxy:
// otherwise any client could choose what is recorded. It records the route but not the
// path, which is free text if there is no route, and no query.
//
// It is not otelgin: that records the texts of errors and the paths of unknown routes, and
// continues the trace of any client.
func (a *API) trace(c *gin.Context) {
	route := c.FullPath()
	if slices.Contains([]string{"/health", "/ready", "/metrics"}, route) {
		return
	}
	ctx := c.Request.Context()
	if a.trusted(c) {
		ctx = span.Extract(ctx, c.Request.Header)
	}
	method := c.Request.Method
	if !slices.Contains(methods, method) {
		method = "_OTHER"
	}
	name, attributes := method, []attribute.KeyValue{attribute.String("http.request.method", method)}
	if route != "" {
		name, attributes = method+" "+route, append(attributes, attribute.String("http.route", route))
	}
	ctx, s := a.config.Tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attributes...))
	c.Request = c.Request.WithContext(ctx)
	defer func() { // a deferred End would record the text of a panic
		describe(s, c)
		s.End()
	}()
	c.Next()
}

// describe adds how a request was answered to its span.
func describe(s trace.Span, c *gin.Context) {
	if !s.IsRecording() {
		return
	}
	status := c.Writer.Status()
	s.SetAttributes(span.RequestID.String(c.GetString(keyRequestID)), attribute.Int("http.response.status_code", status))
	if status >= http.StatusInternalServerError {
		span.Fail(s, strconv.Itoa(status))
	}
	value, _ := c.Get(keyEvent)
	event, ok := value.(*audit.Event)
	if !ok {
		return
	}
	if event.Broken {
		span.Fail(s, event.Reason)
	}
	if _, err := uuid.Parse(event.Export); err == nil { // the path of a request can contain anything
		s.SetAttributes(span.ExportID.String(event.Export))
	}
	switch event.Action {
	case audit.KickOff:
		s.SetAttributes(span.ClientID.String(event.Client))
	case audit.Dump, audit.Run:
		s.SetAttributes(span.Rows.Int64(event.Resources), span.Bytes.Int64(event.Bytes))
	}
}
