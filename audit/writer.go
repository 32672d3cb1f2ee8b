package audit

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/seed-90096f4d/sluice/storage"
)

const (
	// flushInterval is the maximum delay before an event is stored with others.
	flushInterval = time.Minute

	// startedDelay is the maximum delay of the event of a response that has started:
	// the process may not survive the response.
	startedDelay = 5 * time.Second

	// maxBatch is the maximum number of events in one object.
	maxBatch = 5000

	// maxPending is the maximum number of events that are kept while the object
	// store is unavailable. Further events are in the log only, which says so.
	maxPending = 20000

	// maxPendingAnonymous is the number of pending events above which events of
	// unauthenticated requests are dropped, so that they cannot displace the
	// others.
	maxPendingAnonymous = maxPending / 2

	// uploadTimeout bounds one attempt to store a batch. It is less than the state
	// database allows a transaction to be idle.
	uploadTimeout = 15 * time.Second
)

// writer stores FHIR AuditEvents in the bucket, many in an object, under
// audit/<day>/.
type writer struct {
	bucket *storage.Bucket // nil stores nothing
	logger *slog.Logger

	mu      sync.Mutex
	pending []Event
	dropped int
	full    chan struct{} // signals that a batch is complete
	started chan struct{} // signals the event of a response that has started
}

func newWriter(bucket *storage.Bucket, logger *slog.Logger) *writer {
	return &writer{bucket: bucket, logger: logger, full: make(chan struct{}, 1), started: make(chan struct{}, 1)}
}

// add queues an event. It never blocks.
func (w *writer) add(event Event) {
	if w.bucket == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.pending) >= maxPending || len(w.pending) >= maxPendingAnonymous && event.Client == "" {
		w.dropped++
		return
	}
	w.pending = append(w.pending, event)
	if len(w.pending) >= maxBatch {
		signal(w.full)
	}
	if event.Started {
		signal(w.started)
	}
}

// signal wakes the receiver, or keeps it from blocking next time.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run stores queued events until ctx ends, and then the rest.
func (w *writer) run(ctx context.Context) {
	if w.bucket == nil {
		return
	}
	tick := time.NewTicker(flushInterval)
	defer tick.Stop()
	var soon <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			w.flush(context.WithoutCancel(ctx))
			return
		case <-w.started:
			if soon == nil {
				soon = time.After(startedDelay)
			}
			continue
		case <-soon:
		case <-tick.C:
		case <-w.full:
		}
		soon = nil
		w.flush(ctx)
	}
}

// flush stores all pending events, batch by batch, until one fails.
func (w *writer) flush(ctx context.Context) {
	for {
		batch, dropped := w.take()
		if dropped > 0 {
			w.logger.ErrorContext(ctx, "audit events dropped: object store unavailable for too long; they are in the log only", "count", dropped)
		}
		if len(batch) == 0 {
			return
		}
		if err := w.upload(ctx, batch); err != nil {
			w.putBack(batch)
			w.logger.ErrorContext(ctx, "could not store audit events; will retry", "count", len(batch), "error", err)
			return
		}
	}
}

// take removes the next batch, and returns how many events were dropped before it.
func (w *writer) take() (batch []Event, dropped int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	count := min(len(w.pending), maxBatch)
	batch = w.pending[:count:count]
	w.pending = w.pending[count:]
	dropped, w.dropped = w.dropped, 0
	return batch, dropped
}

func (w *writer) putBack(batch []Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending = append(batch, w.pending...)
}

// upload writes a batch as one object. Its key is ordered by time and unique.
func (w *writer) upload(ctx context.Context, batch []Event) error {
	resources := make([]auditEvent, len(batch))
	for i, event := range batch {
		resources[i] = event.resource()
	}
	return w.write(ctx, batch[0].At, rand.Text(), resources)
}

// write writes one object, whose key begins with the time of its first event.
func (w *writer) write(ctx context.Context, first time.Time, name string, resources []auditEvent) error {
	ctx, cancel := context.WithTimeout(ctx, uploadTimeout)
	defer cancel()

	var body bytes.Buffer
	compressed := gzip.NewWriter(&body)
	lines := json.NewEncoder(compressed)
	lines.SetEscapeHTML(false)
	for _, resource := range resources {
		if err := lines.Encode(resource); err != nil {
			return fmt.Errorf("write audit events: %w", err)
		}
	}
	if err := compressed.Close(); err != nil {
		return fmt.Errorf("write audit events: %w", err)
	}
	first = first.UTC()
	key := fmt.Sprintf("audit/%s/%s-%s.ndjson.gz", first.Format(time.DateOnly), first.Format("150405.000"), name)
	_, err := w.bucket.Upload(ctx, key, &body)
	return err
}
