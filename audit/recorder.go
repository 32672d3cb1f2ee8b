package audit

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/seed-90096f4d/sluice/storage"
)

// Config configures a Recorder.
type Config struct {
	// Events gets a line for each event.
	Events *slog.Logger

	// Bucket, if set, gets the events as FHIR AuditEvents, under audit/.
	Bucket *storage.Bucket

	// Logger gets failures of the recorder itself.
	Logger *slog.Logger
}

// Recorder records events. It is safe for concurrent use.
type Recorder struct {
	events *slog.Logger
	writer *writer
}

// New returns a Recorder. Run stores its events in the bucket.
func New(cfg Config) *Recorder {
	return &Recorder{events: cfg.Events, writer: newWriter(cfg.Bucket, cfg.Logger)}
}

// Record records a request that has ended.
func (r *Recorder) Record(ctx context.Context, event Event) {
	if event.Omit && !event.Broken && event.Status < http.StatusBadRequest {
		return
	}
	r.events.LogAttrs(ctx, slog.LevelInfo, "audit", event.attr())
	r.writer.add(event)
}

// RecordStart records a request whose response is about to be sent. It does not
// wait for the bucket.
func (r *Recorder) RecordStart(ctx context.Context, event Event) {
	event.At, event.Started, event.Omit = time.Now(), true, false
	r.Record(ctx, event)
}

// Run stores recorded events in the bucket until ctx ends, and then the rest.
func (r *Recorder) Run(ctx context.Context) { r.writer.run(ctx) }
