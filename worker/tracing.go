package worker

import (
	"cmp"
	"context"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/telemetry/span"
	"github.com/seed-90096f4d/sluice/worker/stage"
)

// tracing is a middleware of River that records a trace for each job of an export and of a
// part. An export can have tens of thousands of parts, too many for one trace: its job
// links to the kick-off, and the jobs of parts link to it.
//
// It is not otelriver: that links a part to the one whose end has queued it.
type tracing struct {
	river.MiddlewareDefaults

	tracer trace.Tracer
}

var _ rivertype.WorkerMiddleware = (*tracing)(nil)

// Work runs the job.
func (t *tracing) Work(ctx context.Context, job *rivertype.JobRow, doInner func(context.Context) error) error {
	if !carriesExport(job) {
		return doInner(ctx)
	}
	ctx, root := t.tracer.Start(ctx, "process "+short(job.Kind), trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(
			attribute.String("messaging.system", "river"),
			attribute.String("messaging.operation.type", "process"),
			attribute.String("messaging.destination.name", short(job.Queue)),
			attribute.Int("messaging.river.attempt", job.Attempt),
		))
	outcome := outcomeFailed // also if the job panics
	defer func() {           // a deferred End would record the text of a panic
		root.SetAttributes(span.Outcome.String(outcome))
		root.End()
	}()
	err := doInner(ctx)
	if outcome = outcomeOf(ctx, err); outcome == outcomeFailed {
		span.Fail(root, outcome)
	}
	return err
}

// traceExport adds an export to the trace of its job.
func traceExport(ctx context.Context, export jobs.Export) {
	if s := trace.SpanFromContext(ctx); s.IsRecording() {
		s.SetAttributes(span.ExportID.String(export.ID.String()), span.Generation.Int(export.Generation), span.Level.String(levelName(export.Request.Level)))
		span.Link(ctx, export.Traceparent)
	}
}

// tracePart adds a part to the trace of its job.
func tracePart(ctx context.Context, args jobs.PartArgs, part jobs.Part) {
	if s := trace.SpanFromContext(ctx); s.IsRecording() {
		s.SetAttributes(span.ExportID.String(args.ExportID.String()), span.Generation.Int(args.Generation), span.Part.Int(args.Number),
			span.ResourceType.String(part.ResourceType), span.Level.String(levelName(part.Request.Level)))
		span.Link(ctx, part.Traceparent)
	}
}

// levelName returns the value of the attribute span.Level.
func levelName(level jobs.Level) string { return string(cmp.Or(level, "system")) }

// traceFiles adds what a part has read and written to the trace of its job.
func traceFiles(ctx context.Context, files stage.Files, read int64) {
	if s := trace.SpanFromContext(ctx); s.IsRecording() {
		rows := int64(0)
		for _, file := range files.Files {
			rows += file.Resources
		}
		s.SetAttributes(span.Rows.Int64(rows), span.Bytes.Int64(read))
	}
}
