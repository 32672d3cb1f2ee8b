package worker

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/jobs/stateclock"
)

// retryPolicy retries a failed job after seconds, because a client waits for it.
type retryPolicy struct{ clock *stateclock.Clock }

// NextRetry returns the time of the next attempt.
func (p retryPolicy) NextRetry(job *rivertype.JobRow) time.Time {
	maxWait := time.Minute
	if job.Kind == (jobs.CleanupArgs{}).Kind() {
		maxWait = time.Hour // no client waits, and the store may be unreachable for days
	}
	wait := min(time.Duration(len(job.Errors)*len(job.Errors)+1)*time.Second, maxWait)
	// Jitter, so that parts that failed together are not retried together.
	return p.clock.Now().Add(wait + rand.N(wait/2))
}

func periodicJobs() []*river.PeriodicJob {
	return []*river.PeriodicJob{
		river.NewPeriodicJob(
			river.PeriodicInterval(jobs.ExpireInterval),
			func() (river.JobArgs, *river.InsertOpts) { return jobs.ExpireArgs{}, nil },
			&river.PeriodicJobOpts{ID: jobs.ExpireArgs{}.Kind(), RunOnStart: true},
		),
		river.NewPeriodicJob(
			river.PeriodicInterval(jobs.SweepInterval),
			func() (river.JobArgs, *river.InsertOpts) { return jobs.SweepArgs{}, nil },
			&river.PeriodicJobOpts{ID: jobs.SweepArgs{}.Kind(), RunOnStart: true},
		),
	}
}

// repeatEvery is how often the same message of River is logged: while the state
// database is unreachable, River's services report that several times a second.
const repeatEvery = time.Minute

// riverLog is the slog.Handler of River. It passes on warnings and errors, and each
// message once in repeatEvery. errorHandler logs the errors of single jobs.
type riverLog struct {
	slog.Handler

	messages *messages
}

func newRiverLog(logger *slog.Logger) *slog.Logger {
	return slog.New(riverLog{logger.Handler(), &messages{logged: map[string]time.Time{}}})
}

// Enabled implements slog.Handler.
func (h riverLog) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h riverLog) Handle(ctx context.Context, record slog.Record) error {
	if !h.messages.due(record.Message) {
		return nil
	}
	return h.Handler.Handle(ctx, record)
}

// WithAttrs implements slog.Handler.
func (h riverLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return riverLog{h.Handler.WithAttrs(attrs), h.messages}
}

// WithGroup implements slog.Handler.
func (h riverLog) WithGroup(name string) slog.Handler {
	return riverLog{h.Handler.WithGroup(name), h.messages}
}

// messages records when each message of River was last logged: a few dozen at most.
type messages struct {
	mu     sync.Mutex
	logged map[string]time.Time
}

// due reports whether to log the message now.
func (m *messages) due(message string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at, ok := m.logged[message]; ok && time.Since(at) < repeatEvery {
		return false
	}
	m.logged[message] = time.Now()
	return true
}
