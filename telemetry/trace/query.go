package trace

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/seed-90096f4d/sluice/telemetry/span"
)

// QueryTracer returns a tracer of the statements that are sent to a database, which is
// named source or state. It records those below a span, by their first word: no SQL, no
// parameters, no address, and of an error only its SQLSTATE.
//
// It is not otelpgx: that records the texts of errors, which can quote data, also when
// it records neither SQL nor parameters.
func (p *Provider) QueryTracer(database string) pgx.QueryTracer {
	if p == nil {
		return nil
	}
	return queryTracer{database}
}

type queryTracer struct{ database string }

// TraceQueryStart implements pgx.QueryTracer.
func (t queryTracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	verb := verb(data.SQL)
	started, s := span.StartClient(ctx, verb)
	if s.IsRecording() {
		s.SetAttributes(attribute.String("db.system.name", "postgresql"), attribute.String("db.operation.name", verb), span.Database.String(t.database))
		return context.WithValue(started, queryKey{}, s)
	}
	return ctx
}

// queryKey is the key of the span of a statement: the context that pgx passes to the end
// can have the span of another statement.
type queryKey struct{}

// TraceQueryEnd implements pgx.QueryTracer.
func (queryTracer) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	s, ok := ctx.Value(queryKey{}).(trace.Span)
	if !ok {
		return
	}
	if data.Err == nil {
		s.SetAttributes(span.Rows.Int64(data.CommandTag.RowsAffected()))
	}
	span.End(s, data.Err)
}

// verbs are the first words of statements that name spans.
var verbs = []string{"SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "BEGIN", "COMMIT", "ROLLBACK", "LOCK", "SET", "LISTEN"}

// verb returns the first word of a statement, if it is one of verbs. River's statements
// begin with a comment.
func verb(sql string) string {
	sql = strings.TrimSpace(sql)
	for strings.HasPrefix(sql, "--") {
		_, sql, _ = strings.Cut(sql, "\n")
		sql = strings.TrimSpace(sql)
	}
	for _, verb := range verbs {
		if len(sql) >= len(verb) && strings.EqualFold(sql[:len(verb)], verb) {
			return verb
		}
	}
	return "statement"
}
