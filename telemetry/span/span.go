// Package span adds spans to traces (OpenTelemetry): it starts them below the span of a
// context, and links traces to each other.
//
// A process that records no traces has no spans in its contexts: then every function does
// nothing and allocates nothing. Package trace starts the first span of a trace. What is
// recorded must not contain SQL, queries of URLs, texts of errors, which can quote data,
// or ids of resources. The package must not know components: it imports no other package
// of Sluice.
package span

import (
	"context"
	"errors"
	"net/http"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Scope is the instrumentation scope of all spans.
const Scope = "github.com/seed-90096f4d/sluice"

// The keys of attributes that have no semantic convention.
const (
	ExportID     = attribute.Key("sluice.export.id")
	Generation   = attribute.Key("sluice.export.generation")
	Level        = attribute.Key("sluice.export.level")
	Part         = attribute.Key("sluice.export.part")
	ResourceType = attribute.Key("sluice.resource_type")
	Rows         = attribute.Key("sluice.rows")
	Bytes        = attribute.Key("sluice.bytes")
	Parts        = attribute.Key("sluice.parts")
	Outcome      = attribute.Key("sluice.outcome")
	Reason       = attribute.Key("sluice.reason")
	ClientID     = attribute.Key("sluice.client.id")
	RequestID    = attribute.Key("sluice.request.id")
	Database     = attribute.Key("sluice.database") // source or state

	// ErrorType is a convention: what kind of error it was.
	ErrorType = attribute.Key("error.type")
)

// Start starts a span below the one of ctx and returns a context with it. End ends it.
func Start(ctx context.Context, name string) (context.Context, trace.Span) {
	return start(ctx, name, trace.SpanKindInternal)
}

// StartClient is Start for a request to another server.
func StartClient(ctx context.Context, name string) (context.Context, trace.Span) {
	return start(ctx, name, trace.SpanKindClient)
}

func start(ctx context.Context, name string, kind trace.SpanKind) (context.Context, trace.Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, noSpan
	}
	return parent.TracerProvider().Tracer(Scope).Start(ctx, name, trace.WithSpanKind(kind))
}

// noSpan records nothing.
var noSpan = trace.SpanFromContext(context.Background())

// End ends a span with the outcome of its work.
func End(s trace.Span, err error) {
	if err != nil && s.IsRecording() {
		Fail(s, errorType(err))
	}
	s.End()
}

// Do runs work in a span below the one of ctx.
func Do(ctx context.Context, name string, work func(context.Context) error) error {
	ctx, s := Start(ctx, name)
	err := work(ctx)
	End(s, err)
	return err
}

// Fail marks a span as failed. kind must not contain data.
func Fail(s trace.Span, kind string) {
	s.SetStatus(codes.Error, "")
	s.SetAttributes(ErrorType.String(kind))
}

// otherError is the convention for an error without a type.
const otherError = "_OTHER"

// errorType returns the SQLSTATE of an error of PostgreSQL, how its context has ended, or
// otherError.
func errorType(err error) string {
	var server interface{ SQLState() string }
	switch {
	case errors.As(err, &server):
		return server.SQLState()
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	}
	return otherError
}

// Quiet returns a context whose work is in the trace of ctx, for logs, but adds no spans
// to it: work without an end, such as renewing a lease.
func Quiet(ctx context.Context) context.Context {
	if s := trace.SpanFromContext(ctx); s.IsRecording() {
		return trace.ContextWithSpanContext(ctx, s.SpanContext())
	}
	return ctx
}

// traceparent is the header of W3C Trace Context, and the only one that is used of it.
const traceparent = "traceparent"

// Traceparent returns the id of the span of ctx as W3C Trace Context writes it, or an empty
// string without a span that is recorded.
func Traceparent(ctx context.Context) string {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier[traceparent]
}

// Link links the span of ctx to another one, of which it has the Traceparent. It ignores an
// empty one.
func Link(ctx context.Context, parent string) {
	s := trace.SpanFromContext(ctx)
	if parent == "" || !s.IsRecording() {
		return
	}
	carrier := propagation.MapCarrier{traceparent: parent}
	linked := propagation.TraceContext{}.Extract(context.Background(), carrier)
	if to := trace.SpanContextFromContext(linked); to.IsValid() {
		s.AddLink(trace.Link{SpanContext: to})
	}
}

// SetExport adds the id of an export to the span of ctx.
func SetExport(ctx context.Context, id uuid.UUID) {
	if s := trace.SpanFromContext(ctx); s.IsRecording() {
		s.SetAttributes(ExportID.String(id.String()))
	}
}

// Extract returns a context with the span of another process that has sent a request with
// this header, if it names one.
func Extract(ctx context.Context, header http.Header) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(header))
}
