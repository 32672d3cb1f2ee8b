package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/storage"
)

const (
	// checkTimeout bounds the checks of a process.
	checkTimeout = 30 * time.Second

	// minCheckPause and maxCheckPause bound the time between two checks of an
	// unhealthy process.
	minCheckPause = time.Second
	maxCheckPause = 30 * time.Second
)

// health is the health check of a worker: whether this process can run jobs. A
// process with a wrong secret or the wrong bucket would fail every job that it takes.
type health struct {
	config Config
	metric *metrics
	store  *jobs.Store

	mu     sync.Mutex
	err    error         // why the process is unhealthy
	failed chan struct{} // closed when it becomes unhealthy
}

func newHealth(cfg Config, metric *metrics, store *jobs.Store) *health {
	metric.fit.Set(1)
	return &health{config: cfg, metric: metric, store: store, failed: make(chan struct{})}
}

// fail makes the process unhealthy.
func (h *health) fail(ctx context.Context, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err != nil {
		return
	}
	h.err = err
	close(h.failed)
	h.metric.fit.Set(0)
	h.config.Logger.ErrorContext(ctx, "worker stopped taking jobs", "error", err)
}

// recover makes the process healthy again.
func (h *health) recover(ctx context.Context) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err == nil {
		return
	}
	h.err, h.failed = nil, make(chan struct{})
	h.metric.fit.Set(1)
	h.config.Logger.InfoContext(ctx, "worker resumed taking jobs")
}

// recheck runs Config.Check, and makes the process unhealthy if that fails.
func (h *health) recheck(ctx context.Context) error {
	err := h.config.Check(ctx)
	if err != nil {
		h.fail(ctx, err)
	}
	return err
}

// state returns a channel that is closed when the process becomes unhealthy, and the
// reason if it is.
func (h *health) state() (<-chan struct{}, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.failed, h.err
}

// await returns when the process is healthy or ctx ends.
func (h *health) await(ctx context.Context) {
	for pause := minCheckPause; ctx.Err() == nil; pause = min(2*pause, maxCheckPause) {
		if _, err := h.state(); err != nil {
			h.strand(ctx)
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
		}
		if h.examine(ctx) {
			h.recover(ctx)
			return
		}
	}
}

// examine runs the checks and reports whether the process is healthy. Before its first
// job, a service that is only unreachable does not make it unhealthy: the jobs wait. An
// unhealthy process also runs the checks that are expensive or that it passed at its
// start.
func (h *health) examine(ctx context.Context) bool {
	limited, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	_, before := h.state()
	if h.recheck(limited) != nil {
		return false
	}
	var err error
	if before == nil {
		if err = h.config.Bucket.Check(limited); classify(err).kind != unhealthy {
			return true
		}
	} else if err = h.config.Bucket.CheckWrite(limited); err == nil {
		err = h.config.Source.Ping(limited)
	}
	if err != nil && ctx.Err() == nil {
		h.fail(ctx, err)
	}
	return err == nil
}

// strand records for clients that exports wait because no process can run them.
func (h *health) strand(ctx context.Context) {
	_, err := h.state()
	if errors.Is(err, jobs.ErrNewer) {
		return // the meaning of the state database is not known
	}
	reason := classify(err).reason
	if reason == "" {
		reason = reasonNoWorker
	}
	stranded, strandErr := h.store.MarkStranded(ctx, reason)
	if strandErr != nil && ctx.Err() == nil {
		h.config.Logger.WarnContext(ctx, "could not check for exports without a worker", "error", strandErr)
	}
	for _, id := range stranded {
		h.metric.waits.WithLabelValues(reason).Inc()
		h.config.Logger.WarnContext(ctx, "export waiting", "export", id, "reason", reason, "error", err)
	}
}

// Ready returns an error while the worker is unhealthy, and while an export waits for a
// full object store, which can still be listed. It is meant for a readiness probe.
func (w *Worker) Ready(ctx context.Context) error {
	if _, err := w.health.state(); err != nil {
		return fmt.Errorf("the worker takes no jobs: %w", err)
	}
	waits, err := w.store.HasWaiting(ctx, reasonStoreFull)
	if err == nil && waits {
		err = fmt.Errorf("exports wait: %w", storage.ErrFull)
	}
	return err
}
