package api

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
	// trailInterval is how long an AuditEvent waits for others at most, before
	// they are stored together.
	trailInterval = time.Minute

	// trailSoon is how long the AuditEvent of an answer that has started waits at
	// most: the process may not live to see the end.
	trailSoon = 5 * time.Second

	// trailBatch is how many are stored together at most.
	trailBatch = 5000

	// trailBound is how many are kept while the store is away. What comes on
	// top is in the log alone, which says so.
	trailBound = 20000

	// trailStrangers is from how many on those of nobody are left out: who may
	// take nothing must not crowd out what tells who took what.
	trailStrangers = trailBound / 2

	// trailTimeout bounds one attempt to store a batch. It is less than the
	// state database lets a transaction wait in between.
	trailTimeout = 15 * time.Second
)

// trail stores FHIR AuditEvents in the bucket, many in an object, under
// audit/<day>/. Its zero value stores nothing.
type trail struct {
	bucket *storage.Bucket
	logger *slog.Logger

	mu      sync.Mutex
	waiting []auditEvent
	lost    int
	full    chan struct{} // told when a batch is together
	soon    chan struct{} // told when there is one of an answer that has started
}

// newTrail returns a trail into the bucket; without one it stores nothing.
func newTrail(bucket *storage.Bucket, logger *slog.Logger) *trail {
	return &trail{bucket: bucket, logger: logger, full: make(chan struct{}, 1), soon: make(chan struct{}, 1)}
}

// add takes an event to be stored soon. It never waits.
func (t *trail) add(event auditEvent) {
	if t.bucket == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) >= trailBound || len(t.waiting) >= trailStrangers && event.client == "" {
		t.lost++
		return
	}
	t.waiting = append(t.waiting, event)
	if len(t.waiting) >= trailBatch {
		signal(t.full)
	}
	if event.started {
		signal(t.soon)
	}
}

// signal wakes the other side, or leaves a mark that it need not wait.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run stores what comes in until ctx ends, and then the rest.
func (t *trail) run(ctx context.Context) {
	if t.bucket == nil {
		return
	}
	tick := time.NewTicker(trailInterval)
	defer tick.Stop()
	var soon <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			t.store(context.WithoutCancel(ctx))
			return
		case <-t.soon:
			if soon == nil {
				soon = time.After(trailSoon)
			}
			continue
		case <-soon:
		case <-tick.C:
		case <-t.full:
		}
		soon = nil
		t.store(ctx)
	}
}

// store stores all that waits, batch by batch, until one fails.
func (t *trail) store(ctx context.Context) {
	for {
		batch, lost := t.take()
		if lost > 0 {
			t.logger.ErrorContext(ctx, "audit events are in the log alone: the bucket was away too long", "count", lost)
		}
		if len(batch) == 0 {
			return
		}
		if err := t.upload(ctx, batch); err != nil {
			t.giveBack(batch)
			t.logger.ErrorContext(ctx, "audit events can't be stored yet", "count", len(batch), "error", err)
			return
		}
	}
}

// take takes what is to be stored next, and how many were lost.
func (t *trail) take() (batch []auditEvent, lost int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	count := min(len(t.waiting), trailBatch)
	batch = t.waiting[:count:count]
	t.waiting = t.waiting[count:]
	lost, t.lost = t.lost, 0
	return batch, lost
}

func (t *trail) giveBack(batch []auditEvent) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting = append(batch, t.waiting...)
}

// upload writes a batch as one object. The key is in the order of time, and no
// two processes make the same.
func (t *trail) upload(ctx context.Context, batch []auditEvent) error {
	resources := make([]fhirAudit, len(batch))
	for i, event := range batch {
		resources[i] = event.fhir()
	}
	return t.write(ctx, batch[0].at, rand.Text(), resources)
}

// write writes one object, named by the time of what it begins with.
func (t *trail) write(ctx context.Context, first time.Time, name string, resources []fhirAudit) error {
	ctx, cancel := context.WithTimeout(ctx, trailTimeout)
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
	_, err := t.bucket.Upload(ctx, key, &body)
	return err
}
