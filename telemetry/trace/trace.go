// Package trace sends traces to a collector (OpenTelemetry): it reads the variables of the
// OpenTelemetry specification, and starts the first span of each trace.
//
// Tracing is off unless these variables ask for it. Then Setup returns nil, whose methods
// return nil: a process without traces has no provider, no middleware and no tracer. The
// package must not know components; package span has what they need.
package trace

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/seed-90096f4d/sluice/telemetry/span"
)

// The exporters of OTEL_TRACES_EXPORTER.
const (
	otlp    = "otlp"
	console = "console"
	none    = "none"
)

// Provider makes the tracers of a process. Nil makes none.
type Provider struct{ sdk *sdk.TracerProvider }

// Setup returns a provider as the variables OTEL_… of the environment say: nil unless
// OTEL_TRACES_EXPORTER or an endpoint is set, or if OTEL_SDK_DISABLED is true. The SDK reads
// the variables of the service, the sampler, batches and the exporter itself. Shutdown
// releases the provider.
func Setup(ctx context.Context, logger *slog.Logger, version string) (*Provider, error) {
	exporter, err := newExporter(ctx)
	if exporter == nil || err != nil {
		return nil, err
	}
	// Not resource.Default, which names the service unknown_service.
	from, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(
		attribute.String("service.name", "sluice"),
		attribute.String("service.version", version),
		attribute.String("service.instance.id", uuid.NewString()),
	), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", errors.Join(err, exporter.Shutdown(ctx)))
	}
	otel.SetErrorHandler(&failures{logger: logger})
	return &Provider{sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(from))}, nil
}

// newExporter returns the exporter, or nil if tracing is off.
func newExporter(ctx context.Context) (sdk.SpanExporter, error) {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return nil, nil
	}
	kind := os.Getenv("OTEL_TRACES_EXPORTER")
	if kind == "" && first("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT") != "" {
		kind = otlp
	}
	switch kind {
	case "", none:
		return nil, nil
	case console:
		return stdouttrace.New(stdouttrace.WithWriter(os.Stderr))
	case otlp:
		if err := checkProtocol(); err != nil {
			return nil, err
		}
		exporter, err := otlptracehttp.New(ctx)
		if err != nil {
			return nil, fmt.Errorf("trace exporter: %w", err)
		}
		return exporter, nil
	}
	return nil, fmt.Errorf("OTEL_TRACES_EXPORTER must be otlp, console or none, got %q", kind)
}

// checkProtocol returns an error for protocols that are not supported.
func checkProtocol() error {
	const http = "http/protobuf"
	if protocol := first("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"); protocol != "" && protocol != http {
		return fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL must be %s, got %q: collectors receive it on port 4318, gRPC on 4317", http, protocol)
	}
	return nil
}

// first returns the first variable that is set.
func first(names ...string) string {
	for _, name := range names {
		if value := os.Getenv(name); value != "" {
			return value
		}
	}
	return ""
}

// Tracer returns the tracer that starts traces.
func (p *Provider) Tracer() trace.Tracer {
	if p == nil {
		return nil
	}
	return p.sdk.Tracer(span.Scope)
}

// Shutdown sends what was recorded, and releases the provider.
func (p *Provider) Shutdown(ctx context.Context) error {
	if p == nil {
		return nil
	}
	if err := p.sdk.Shutdown(ctx); err != nil {
		return fmt.Errorf("send traces: %w", err)
	}
	return nil
}

// failures logs the errors of the SDK, such as an unreachable collector, at most
// once per repeatEvery.
type failures struct {
	logger *slog.Logger
	logged atomic.Int64 // when, in nanoseconds
}

// repeatEvery is how often errors are logged. The SDK can report one every second.
const repeatEvery = time.Minute

// Handle implements otel.ErrorHandler.
func (f *failures) Handle(err error) {
	now, last := time.Now().UnixNano(), f.logged.Load()
	if now-last >= int64(repeatEvery) && f.logged.CompareAndSwap(last, now) {
		f.logger.Warn("could not send traces", "error", err)
	}
}
