package audit

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/seed-90096f4d/sluice/storage"
)

const (
	// flushInterval is the maximum delay before an event, or a change of a client, is
	// stored with others.
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

// add queues an event. It never blocks.
func (r *Recorder) add(event Event) {
	if r.bucket == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.pending) >= maxPending || len(r.pending) >= maxPendingAnonymous && event.Client == "" {
		r.dropped++
		r.metrics.dropped.Inc()
		return
	}
	r.pending = append(r.pending, event)
	if len(r.pending)%maxBatch == 0 { // not at each event while the bucket is unavailable
		signal(r.full)
	}
	if event.Started {
		signal(r.started)
	}
}

// signal wakes the receiver, or keeps it from blocking next time.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run stores recorded events and changes of clients in the bucket, many in an object,
// until ctx ends, and then the rest.
func (r *Recorder) Run(ctx context.Context) {
	if r.bucket == nil {
		return
	}
	tick := time.NewTicker(flushInterval)
	defer tick.Stop()
	var soon <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			ctx := context.WithoutCancel(ctx)
			r.flush(ctx)
			r.storeChanges(ctx)
			return
		case <-r.started:
			if soon == nil {
				soon = time.After(startedDelay)
			}
			continue
		case <-soon:
		case <-tick.C:
			r.storeChanges(context.WithoutCancel(ctx))
		case <-r.full:
		}
		soon = nil
		r.flush(ctx)
	}
}

// flush stores all pending events, batch by batch, until one fails.
func (r *Recorder) flush(ctx context.Context) {
	for {
		batch, dropped := r.take()
		if dropped > 0 {
			r.logger.ErrorContext(ctx, "audit events dropped: object store unavailable for too long; they are in the log only", "count", dropped)
		}
		if len(batch) == 0 {
			return
		}
		if err := write(ctx, r.bucket, batch[0].At, rand.Text(), batch, Event.resource); err != nil {
			r.putBack(batch)
			r.logger.ErrorContext(ctx, "could not store audit events; will retry", "count", len(batch), "error", err)
			return
		}
		r.metrics.lastStored.SetToCurrentTime()
	}
}

// take removes the next batch, and returns how many events were dropped before it.
func (r *Recorder) take() (batch []Event, dropped int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	count := min(len(r.pending), maxBatch)
	batch = r.pending[:count:count]
	r.pending = r.pending[count:]
	dropped, r.dropped = r.dropped, 0
	return batch, dropped
}

func (r *Recorder) putBack(batch []Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pending = append(batch, r.pending...)
}

// write writes one object of FHIR AuditEvents. Its key begins with the time of the
// first event.
func write[E any](ctx context.Context, bucket *storage.Bucket, first time.Time, name string, events []E, resource func(E) object) error {
	ctx, cancel := context.WithTimeout(ctx, uploadTimeout)
	defer cancel()

	var body bytes.Buffer
	compressed := gzip.NewWriter(&body)
	lines := json.NewEncoder(compressed)
	lines.SetEscapeHTML(false)
	for _, event := range events {
		if err := lines.Encode(resource(event)); err != nil {
			return fmt.Errorf("write audit events: %w", err)
		}
	}
	if err := compressed.Close(); err != nil {
		return fmt.Errorf("write audit events: %w", err)
	}
	first = first.UTC()
	key := fmt.Sprintf("audit/%s/%s-%s.ndjson.gz", first.Format(time.DateOnly), first.Format("150405.000"), name)
	_, err := bucket.Upload(ctx, key, &body)
	return err
}
