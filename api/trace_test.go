package api_test

import (
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/api/apitest"
	"github.com/seed-90096f4d/sluice/telemetry/span"
)

// traced starts a server that records its traces.
func traced(t *testing.T, adjust ...func(*api.Config)) (*testBundle, *tracetest.InMemoryExporter) {
	t.Helper()
	recorder := tracetest.NewInMemoryExporter()
	tracer := sdk.NewTracerProvider(sdk.WithSyncer(recorder)).Tracer(span.Scope)
	return setup(t, append(adjust, func(config *api.Config) { config.Tracer = tracer })...), recorder
}

// requireSpan waits for the only span, which ends a moment after the response.
func requireSpan(t *testing.T, recorder *tracetest.InMemoryExporter) tracetest.SpanStub {
	t.Helper()
	require.Eventually(t, func() bool { return len(recorder.GetSpans()) > 0 }, apitest.Patience, time.Millisecond)
	spans := recorder.GetSpans()
	require.Len(t, spans, 1)
	return spans[0]
}

const (
	traceID     = "4bf92f3577b34da6a3ce929d0e0e4736"
	traceparent = "00-" + traceID + "-00f067aa0ba902b7-01"
)

// Only a trusted proxy continues a trace, and decides whether it is recorded.
func TestTraceparent(t *testing.T) {
	t.Parallel()
	for _, trusted := range []bool{false, true} {
		b, recorder := traced(t, func(config *api.Config) {
			if trusted {
				config.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
			}
		})
		b.Do(t, b.Request(t, http.MethodGet, "/fhir/metadata", "traceparent", traceparent))
		got := requireSpan(t, recorder)
		require.Equal(t, trusted, got.SpanContext.TraceID().String() == traceID)
		require.Equal(t, trusted, got.Parent.IsValid())
	}
}

// A span has the route, but neither the path, which may name a patient, nor the query.
func TestSpanOfRequest(t *testing.T) {
	t.Parallel()
	b, recorder := traced(t)
	for _, target := range []string{"/health", "/ready", "/metrics"} {
		require.Equal(t, http.StatusOK, b.Do(t, b.Request(t, http.MethodGet, target)).StatusCode)
	}
	require.Equal(t, http.StatusNotFound, b.Do(t, b.Request(t, "PURGE", "/fhir/Patient/p1?name=Müller", "X-Request-Id", "r1")).StatusCode)

	got := requireSpan(t, recorder)
	require.Equal(t, "_OTHER", got.Name)
	require.ElementsMatch(t, []attribute.KeyValue{attribute.String("http.request.method", "_OTHER"),
		attribute.Int("http.response.status_code", http.StatusNotFound), span.RequestID.String("r1")}, got.Attributes)
}
