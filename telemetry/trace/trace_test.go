package trace_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/telemetry/span"
	"github.com/seed-90096f4d/sluice/telemetry/trace"
)

// setup calls Setup with these variables.
func setup(t *testing.T, logger *slog.Logger, variables ...string) (*trace.Provider, error) {
	t.Helper()
	for i := 0; i < len(variables); i += 2 {
		t.Setenv(variables[i], variables[i+1])
	}
	provider, err := trace.Setup(t.Context(), logger, "1.0.0")
	t.Cleanup(func() { _ = provider.Shutdown(context.WithoutCancel(t.Context())) }) // the collector may be gone
	return provider, err
}

func TestVariables(t *testing.T) {
	const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT"
	for name, c := range map[string]struct {
		variables []string
		on        bool
		err       string
	}{
		"none":               {},
		"endpoint":           {variables: []string{endpoint, "http://127.0.0.1:1"}, on: true},
		"traces endpoint":    {variables: []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:1/v1/traces"}, on: true},
		"otlp":               {variables: []string{"OTEL_TRACES_EXPORTER", "otlp"}, on: true},
		"console":            {variables: []string{"OTEL_TRACES_EXPORTER", "console"}, on: true},
		"not traces":         {variables: []string{"OTEL_TRACES_EXPORTER", "none", endpoint, "http://127.0.0.1:1"}},
		"disabled":           {variables: []string{"OTEL_SDK_DISABLED", "True", endpoint, "http://127.0.0.1:1"}},
		"not disabled":       {variables: []string{"OTEL_SDK_DISABLED", "yes", endpoint, "http://127.0.0.1:1"}, on: true},
		"HTTP":               {variables: []string{endpoint, "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"}, on: true},
		"traces over HTTP":   {variables: []string{endpoint, "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"}, on: true},
		"gRPC":               {variables: []string{endpoint, "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"}, err: `OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf, got "grpc": collectors receive it on port 4318, gRPC on 4317`},
		"unknown exporter":   {variables: []string{"OTEL_TRACES_EXPORTER", "zipkin"}, err: `OTEL_TRACES_EXPORTER must be otlp, console or none, got "zipkin"`},
		"invalid attributes": {variables: []string{"OTEL_TRACES_EXPORTER", "otlp", "OTEL_RESOURCE_ATTRIBUTES", "team"}, err: "OTEL_RESOURCE_ATTRIBUTES: "},
	} {
		t.Run(name, func(t *testing.T) {
			provider, err := setup(t, slog.New(slog.DiscardHandler), c.variables...)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.on, provider != nil)
		})
	}
}

// A process without traces has no tracers, and its logger is the same.
func TestOff(t *testing.T) {
	provider, err := setup(t, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	logger := slog.New(slog.DiscardHandler)
	require.Nil(t, provider.Tracer())
	require.Nil(t, provider.QueryTracer("state"))
	require.Same(t, logger, provider.Logger(logger))
	require.NoError(t, provider.Shutdown(t.Context()))
}

// Lines of a trace have its id, also where no spans are added.
func TestLogger(t *testing.T) {
	provider, err := setup(t, slog.New(slog.DiscardHandler), "OTEL_TRACES_EXPORTER", "otlp")
	require.NoError(t, err)
	var log bytes.Buffer
	logger := provider.Logger(slog.New(slog.NewJSONHandler(&log, nil))).With("export", "e1")

	ctx, root := provider.Tracer().Start(t.Context(), "root")
	logger.InfoContext(ctx, "first")
	logger.InfoContext(span.Quiet(ctx), "second")
	ids := `"trace_id":"` + root.SpanContext().TraceID().String() + `","span_id":"` + root.SpanContext().SpanID().String() + `"`
	require.Equal(t, 2, bytes.Count(log.Bytes(), []byte(ids)), log.String())

	log.Reset()
	logger.InfoContext(t.Context(), "third")
	require.NotContains(t, log.String(), "trace_id")
}

// Shutdown sends what was recorded. A collector that fails is reported in one line.
func TestShutdown(t *testing.T) {
	var status, requests atomic.Int64
	status.Store(http.StatusOK)
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		requests.Add(1)
		w.WriteHeader(int(status.Load()))
	}))
	defer collector.Close()
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	record := func() {
		provider, err := setup(t, logger, "OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
		require.NoError(t, err)
		_, root := provider.Tracer().Start(t.Context(), "root")
		root.End()
		require.NoError(t, provider.Shutdown(t.Context()))
	}
	record()
	require.EqualValues(t, 1, requests.Load())
	require.Empty(t, log.String())

	status.Store(http.StatusBadRequest)
	record()
	require.EqualValues(t, 2, requests.Load())
	require.Equal(t, 1, bytes.Count(log.Bytes(), []byte(`"could not send traces"`)), log.String())
}
