package telemetry

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// CountMessages returns a handler that counts the warnings and errors that it passes to
// handler.
func CountMessages(registry prometheus.Registerer, handler slog.Handler) slog.Handler {
	messages := promauto.With(registry).NewCounterVec(prometheus.CounterOpts{
		Name: "sluice_log_messages_total",
		Help: "Lines of the log of level warn and error.",
	}, []string{"level"})
	return &messageCounter{
		Handler:  handler,
		warnings: messages.WithLabelValues("warn"),
		errors:   messages.WithLabelValues("error"),
	}
}

type messageCounter struct {
	slog.Handler

	warnings, errors prometheus.Counter
}

// Handle implements slog.Handler.
func (h *messageCounter) Handle(ctx context.Context, record slog.Record) error {
	switch {
	case record.Level >= slog.LevelError:
		h.errors.Inc()
	case record.Level >= slog.LevelWarn:
		h.warnings.Inc()
	}
	return h.Handler.Handle(ctx, record)
}

// WithAttrs implements slog.Handler.
func (h *messageCounter) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &messageCounter{h.Handler.WithAttrs(attrs), h.warnings, h.errors}
}

// WithGroup implements slog.Handler.
func (h *messageCounter) WithGroup(name string) slog.Handler {
	return &messageCounter{h.Handler.WithGroup(name), h.warnings, h.errors}
}
