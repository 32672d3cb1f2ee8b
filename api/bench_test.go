package api_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/auth"
)

// BenchmarkRequest measures what all requests have in common: the middleware, the router
// and the log line.
func BenchmarkRequest(b *testing.B) {
	for name, tracer := range map[string]trace.Tracer{"untraced": nil, "unsampled": noop.NewTracerProvider().Tracer("")} {
		b.Run(name, func(b *testing.B) {
			handler := api.New(api.Config{Clients: auth.NewClients(nil), Logger: slog.New(slog.DiscardHandler), Tracer: tracer}).Handler()
			request := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/fhir/nothing", nil)
			for b.Loop() {
				handler.ServeHTTP(httptest.NewRecorder(), request)
			}
		})
	}
}
