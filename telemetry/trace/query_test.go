package trace_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/seed-90096f4d/sluice/telemetry/span"
	"github.com/seed-90096f4d/sluice/telemetry/trace"
)

// The span of a statement has its verb and the SQLSTATE of its error, and no data.
func TestQueryTracer(t *testing.T) {
	t.Parallel()
	recorder := tracetest.NewInMemoryExporter()
	ctx, _ := sdk.NewTracerProvider(sdk.WithSyncer(recorder)).Tracer(span.Scope).Start(t.Context(), "root")
	tracer := (&trace.Provider{}).QueryTracer("source")

	none := tracer.TraceQueryStart(t.Context(), nil, pgx.TraceQueryStartData{SQL: "SELECT 1"})
	require.Equal(t, t.Context(), none, "no span in the context")
	tracer.TraceQueryEnd(none, nil, pgx.TraceQueryEndData{})
	require.Empty(t, recorder.GetSpans())

	for sql, verb := range map[string]string{
		"\nselect name FROM patient WHERE name = 'Müller'":       "SELECT",
		"-- name: JobGet :many\n  -- Müller\nUPDATE job SET x=1": "UPDATE",
		"BEGIN; SET LOCAL x = 1":                                 "BEGIN",
		"Müller":                                                 "statement",
		"-- Müller":                                              "statement",
		"":                                                       "statement",
	} {
		recorder.Reset()
		started := tracer.TraceQueryStart(ctx, nil, pgx.TraceQueryStartData{SQL: sql, Args: []any{"Müller"}})
		tracer.TraceQueryEnd(started, nil, pgx.TraceQueryEndData{Err: &pgconn.PgError{Code: "22P02", Message: `invalid: "Müller"`}})
		spans := recorder.GetSpans()
		require.Len(t, spans, 1)
		require.Equal(t, verb, spans[0].Name)
		require.Equal(t, sdk.Status{Code: codes.Error}, spans[0].Status)
		require.Empty(t, spans[0].Events)
		require.ElementsMatch(t, []attribute.KeyValue{attribute.String("db.system.name", "postgresql"), attribute.String("db.operation.name", verb),
			span.Database.String("source"), span.ErrorType.String("22P02")}, spans[0].Attributes)
	}
}
