package audit

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/storage"
)

// Config configures a Recorder.
type Config struct {
	// Events gets a line for each event.
	Events *slog.Logger

	// Bucket, if set, gets the events as FHIR AuditEvents, under audit/.
	Bucket *storage.Bucket

	// Clients are the clients whose changes are stored in the bucket, too.
	Clients *auth.Clients

	// Logger gets failures of the recorder itself.
	Logger *slog.Logger

	// Registry, if set, gets the metrics of the recorder.
	Registry prometheus.Registerer
}

// Recorder records events. It is safe for concurrent use.
type Recorder struct {
	events  *slog.Logger
	bucket  *storage.Bucket // nil stores nothing
	clients *auth.Clients
	logger  *slog.Logger
	metrics metrics

	mu      sync.Mutex
	pending []Event
	dropped int
	full    chan struct{} // signals that a batch is complete
	started chan struct{} // signals the event of a response that has started
}

// New returns a Recorder. Run stores its events in the bucket.
func New(cfg Config) *Recorder {
	r := &Recorder{
		events: cfg.Events, bucket: cfg.Bucket, clients: cfg.Clients, logger: cfg.Logger,
		full: make(chan struct{}, 1), started: make(chan struct{}, 1),
	}
	r.metrics = newMetrics(cfg.Registry, r.waiting)
	return r
}

// waiting returns how many events are not stored yet.
func (r *Recorder) waiting() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.pending)
}

// Record records a request that has ended.
func (r *Recorder) Record(ctx context.Context, event Event) {
	if event.Omit && !event.Broken && event.Status < http.StatusBadRequest {
		return
	}
	r.events.LogAttrs(ctx, slog.LevelInfo, "audit", event.attr())
	r.add(event)
}

// RecordStart records a request whose response is about to be sent. It does not
// wait for the bucket.
func (r *Recorder) RecordStart(ctx context.Context, event Event) {
	event.At, event.Started, event.Omit = time.Now(), true, false
	r.Record(ctx, event)
}
