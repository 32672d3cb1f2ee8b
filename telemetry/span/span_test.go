package span_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/seed-90096f4d/sluice/telemetry/span"
)

// Without a recorded span, nothing is recorded and nothing allocated.
func TestOff(t *testing.T) {
	failure := errors.New("failed")
	ctx := context.WithValue(t.Context(), t, "one of many")
	require.Zero(t, testing.AllocsPerRun(100, func() {
		below, s := span.StartClient(ctx, "request")
		span.Link(below, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
		span.SetExport(below, [16]byte{})
		if span.Traceparent(below) != "" || span.Quiet(below) != ctx {
			t.Error("there is a span")
		}
		span.End(s, failure)
	}))
}

// record returns what do records in a trace, without the root.
func record(t *testing.T, do func(ctx context.Context)) tracetest.SpanStubs {
	t.Helper()
	recorder := tracetest.NewInMemoryExporter()
	provider := sdk.NewTracerProvider(sdk.WithSyncer(recorder))
	ctx, root := provider.Tracer(span.Scope).Start(t.Context(), "root")
	do(ctx)
	spans := recorder.GetSpans()
	root.End()
	return spans
}

// The text of an error, which can quote data, is not recorded.
func TestErrors(t *testing.T) {
	t.Parallel()
	for kind, err := range map[string]error{
		"22P02":    fmt.Errorf("read: %w", &pgconn.PgError{Code: "22P02", Message: `invalid input syntax for type date: "Müller"`}),
		"canceled": fmt.Errorf("read: %w", context.Canceled),
		"timeout":  context.DeadlineExceeded,
		"_OTHER":   errors.New(`unexpected "Müller"`),
	} {
		spans := record(t, func(ctx context.Context) {
			_ = span.Do(ctx, "read", func(context.Context) error { return err })
		})
		require.Len(t, spans, 1)
		require.Equal(t, codes.Error, spans[0].Status.Code)
		require.Empty(t, spans[0].Status.Description)
		require.Empty(t, spans[0].Events)
		require.Len(t, spans[0].Attributes, 1)
		require.Equal(t, span.ErrorType.String(kind), spans[0].Attributes[0])
	}
}

// A trace links to the span of another one by its Traceparent.
func TestLink(t *testing.T) {
	t.Parallel()
	var from string
	linked := record(t, func(ctx context.Context) {
		ctx, s := span.Start(ctx, "kick-off")
		from = span.Traceparent(ctx)
		s.End()
	})
	require.Len(t, linked, 1)
	require.Equal(t, fmt.Sprintf("00-%s-%s-01", linked[0].SpanContext.TraceID(), linked[0].SpanContext.SpanID()), from)

	spans := record(t, func(ctx context.Context) {
		ctx, s := span.Start(ctx, "export")
		span.Link(ctx, from)
		span.Link(ctx, "")
		span.Link(ctx, "00-00000000000000000000000000000000-0000000000000000-01")
		span.Link(ctx, "invalid")
		s.End()
	})
	require.Len(t, spans[0].Links, 1)
	require.Equal(t, linked[0].SpanContext.TraceID(), spans[0].Links[0].SpanContext.TraceID())
	require.Equal(t, linked[0].SpanContext.SpanID(), spans[0].Links[0].SpanContext.SpanID())
}

// Quiet work adds no spans.
func TestQuiet(t *testing.T) {
	t.Parallel()
	require.Empty(t, record(t, func(ctx context.Context) {
		_, s := span.Start(span.Quiet(ctx), "renew")
		s.End()
	}))
}
