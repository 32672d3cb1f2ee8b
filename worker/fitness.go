package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/storage"
)

const (
	// checkTimeout bounds the checks of a process by itself.
	checkTimeout = 30 * time.Second

	// minCheckPause and maxCheckPause bound the time between two checks of a
	// process that is unfit.
	minCheckPause = time.Second
	maxCheckPause = 30 * time.Second
)

// errUnfit means that the process is not able to do jobs.
var errUnfit = errors.New("the worker takes no jobs")

// fitness knows whether this process is able to do jobs. A process that has a
// wrong secret or the wrong bucket would fail every job that it takes.
type fitness struct {
	bucket *storage.Bucket
	fit    func(context.Context) error
	logger *slog.Logger
	metric *metrics
	source *source.Source
	store  *jobs.Store

	mu   sync.Mutex
	err  error         // why the process is unfit
	lost chan struct{} // closed when it becomes so
}

func newFitness(cfg Config, metric *metrics, store *jobs.Store) *fitness {
	metric.fit.Set(1)
	return &fitness{
		bucket: cfg.Bucket,
		fit:    cfg.Fit,
		logger: cfg.Logger,
		metric: metric,
		source: cfg.Source,
		store:  store,
		lost:   make(chan struct{}),
	}
}

// fail makes the process unfit.
func (f *fitness) fail(ctx context.Context, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return
	}
	f.err = err
	close(f.lost)
	f.metric.fit.Set(0)
	f.logger.ErrorContext(ctx, "worker stopped taking jobs", "error", err)
}

// recover makes the process fit again.
func (f *fitness) recover(ctx context.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		return
	}
	f.err, f.lost = nil, make(chan struct{})
	f.metric.fit.Set(1)
	f.logger.InfoContext(ctx, "worker takes jobs again")
}

// state returns a channel that is closed when the process becomes unfit, and why
// it is unfit, if it is.
func (f *fitness) state() (<-chan struct{}, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lost, f.err
}

// await returns when the process is fit, or ctx has ended.
func (f *fitness) await(ctx context.Context) {
	for pause := minCheckPause; ctx.Err() == nil; pause = min(2*pause, maxCheckPause) {
		if _, err := f.state(); err != nil {
			f.strand(ctx)
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
		}
		if f.check(ctx) {
			f.recover(ctx)
			return
		}
	}
}

// check reports whether the process is fit. Before its first job, what is only
// away is no reason to take none: the jobs wait for it.
func (f *fitness) check(ctx context.Context) bool {
	_, before := f.state()
	limited, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	err := f.inspect(limited, before != nil)
	if err == nil || ctx.Err() != nil {
		return err == nil
	}
	if before == nil && !errors.Is(err, errUnfit) && classify(err).kind != unfit {
		return true
	}
	f.fail(ctx, err)
	return false
}

// inspect runs the checks. Those that a process has passed when it started, and
// those that cost more, only if thorough.
func (f *fitness) inspect(ctx context.Context, thorough bool) error {
	if err := f.fit(ctx); err != nil {
		return fmt.Errorf("%w: %w", errUnfit, err)
	}
	if !thorough {
		return f.bucket.Check(ctx)
	}
	if err := f.bucket.CheckWrite(ctx); err != nil {
		return err
	}
	return f.source.Ping(ctx)
}

// strand lets clients know of exports that no process works on.
func (f *fitness) strand(ctx context.Context) {
	_, err := f.state()
	if errors.Is(err, jobs.ErrNewer) {
		return // what the state database means is not known
	}
	reason := classify(err).reason
	if reason == "" {
		reason = reasonUnfit
	}
	stranded, strandErr := f.store.MarkStranded(ctx, reason)
	if strandErr != nil && ctx.Err() == nil {
		f.logger.WarnContext(ctx, "could not look for stranded exports", "error", strandErr)
	}
	for _, id := range stranded {
		f.metric.waits.WithLabelValues(reason).Inc()
		f.logger.WarnContext(ctx, "export waiting", "export", id, "reason", reason, "error", err)
	}
}

// Ready returns an error while the worker takes no jobs because it would fail
// them, and while an export waits for a full object store, which can still be listed.
// It is a check of the process's readiness.
func (w *Worker) Ready(ctx context.Context) error {
	if _, err := w.fitness.state(); err != nil {
		return fmt.Errorf("%w: %w", errUnfit, err)
	}
	waits, err := w.store.HasWaiting(ctx, reasonStoreFull)
	if err == nil && waits {
		err = fmt.Errorf("exports wait: %w", storage.ErrFull)
	}
	return err
}
