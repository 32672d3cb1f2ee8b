package api_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/auth"
)

// BenchmarkRequest measures what every request costs, whatever it is for.
func BenchmarkRequest(b *testing.B) {
	handler := api.New(api.Config{Logger: slog.New(slog.DiscardHandler), Clients: auth.NewClients(nil)}).Handler()
	request := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/health", http.NoBody)
	b.ReportAllocs()
	for b.Loop() {
		handler.ServeHTTP(httptest.NewRecorder(), request)
	}
}
