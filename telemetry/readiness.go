package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// readyTimeout bounds the checks of one report.
	readyTimeout = 5 * time.Second

	// readyCache is how long a result is reused. Anyone may ask, and the checks
	// cost the databases and the store more than asking does.
	readyCache = time.Second
)

// Check is a dependency that must work for the process to do its job.
type Check struct {
	Name string
	Do   func(context.Context) error
}

// Readiness runs the checks of a process and caches their results. It is safe
// for concurrent use.
type Readiness struct {
	logger *slog.Logger

	mu     sync.Mutex
	checks []Check
	at     time.Time
	last   Report
}

// NewReadiness returns a Readiness of these checks, which logs the errors that
// they return.
func NewReadiness(logger *slog.Logger, checks ...Check) *Readiness {
	return &Readiness{checks: checks, logger: logger}
}

// Add adds a check, for a part that is made after the Readiness.
func (r *Readiness) Add(check Check) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checks = append(r.checks, check)
	r.at = time.Time{} // the last report lacks it
}

// Report is the result of all checks. It names the ones that fail; the reasons
// are for the log only.
type Report struct {
	Ready  bool              `json:"ready"`
	Checks map[string]string `json:"checks"`
}

// Report returns the results of the last second. Callers that ask while the
// checks run wait for them.
func (r *Readiness) Report(ctx context.Context) Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at.IsZero() || time.Since(r.at) >= readyCache {
		r.last = r.run(context.WithoutCancel(ctx)) // the result is for other callers, too
		r.at = time.Now()
	}
	return r.last
}

// run runs all checks concurrently, so that one that hangs does not use up the
// time of the others.
func (r *Readiness) run(ctx context.Context) Report {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()

	errs := make([]error, len(r.checks))
	var running sync.WaitGroup
	for i, check := range r.checks {
		running.Go(func() { errs[i] = check.Do(ctx) })
	}
	running.Wait()

	report := Report{Ready: true, Checks: make(map[string]string, len(r.checks))}
	for i, err := range errs {
		name := r.checks[i].Name
		report.Checks[name] = "ok"
		if err != nil {
			report.Ready, report.Checks[name] = false, "failing"
			r.logger.WarnContext(ctx, "not ready", "check", name, "error", err)
		}
	}
	return report
}
