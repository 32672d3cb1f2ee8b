package trace

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

// Logger returns a logger that adds trace_id and span_id to the lines of a trace.
func (p *Provider) Logger(logger *slog.Logger) *slog.Logger {
	if p == nil {
		return logger
	}
	return slog.New(logHandler{logger.Handler()})
}

type logHandler struct{ slog.Handler }

// Handle implements slog.Handler.
func (h logHandler) Handle(ctx context.Context, record slog.Record) error {
	if current := trace.SpanContextFromContext(ctx); current.IsValid() {
		record.AddAttrs(slog.String("trace_id", current.TraceID().String()), slog.String("span_id", current.SpanID().String()))
	}
	return h.Handler.Handle(ctx, record)
}

// WithAttrs implements slog.Handler.
func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h logHandler) WithGroup(name string) slog.Handler {
	return logHandler{h.Handler.WithGroup(name)}
}
