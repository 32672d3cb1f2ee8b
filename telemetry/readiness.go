package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// readyTimeout is the timeout of the checks of one report.
	readyTimeout = 5 * time.Second

	// readyCache is how long a report is cached. Any client may request it, and the
	// checks cause load on the databases and the store.
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
	checks []Check
	info   map[string]func() string
	logger *slog.Logger

	mu   sync.Mutex
	at   time.Time
	last Report
}

// NewReadiness returns a Readiness with these checks. It logs their errors.
func NewReadiness(logger *slog.Logger, checks ...Check) *Readiness {
	return &Readiness{checks: checks, info: map[string]func() string{}, logger: logger}
}

// Describe adds a value to Report.Info. It must not be called after Report.
func (r *Readiness) Describe(name string, value func() string) { r.info[name] = value }

// Report is the result of all checks.
type Report struct {
	Ready  bool              `json:"ready"`
	Checks map[string]string `json:"checks"`
	// Reasons are the errors of the failing checks. They can name hosts and roles, so
	// that they are for operators only (Public).
	Reasons map[string]string `json:"reasons,omitempty"`
	Info    map[string]string `json:"info,omitempty"` // how the process works, whether ready or not
}

// Public returns the report without the reasons.
func (r Report) Public() Report {
	r.Reasons = nil
	return r
}

// Report runs the checks, or returns the cached report if it is at most a second old.
// Concurrent callers wait for the running checks.
func (r *Readiness) Report(ctx context.Context) Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at.IsZero() || time.Since(r.at) >= readyCache {
		r.last = r.run(context.WithoutCancel(ctx)) // the result is for other callers, too
		r.at = time.Now()
	}
	return r.last
}

// run runs all checks concurrently, so that one that hangs does not delay the others.
func (r *Readiness) run(ctx context.Context) Report {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()

	errs := make([]error, len(r.checks))
	var running sync.WaitGroup
	for i, check := range r.checks {
		running.Go(func() { errs[i] = check.Do(ctx) })
	}
	running.Wait()

	report := Report{Ready: true, Checks: map[string]string{}, Reasons: map[string]string{}, Info: map[string]string{}}
	for i, err := range errs {
		name := r.checks[i].Name
		report.Checks[name] = "ok"
		if err != nil {
			report.Ready, report.Checks[name], report.Reasons[name] = false, "failing", err.Error()
			r.logger.WarnContext(ctx, "not ready", "check", name, "error", err)
		}
	}
	for name, value := range r.info {
		report.Info[name] = value()
	}
	return report
}
