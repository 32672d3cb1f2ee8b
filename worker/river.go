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

// retrySoon tries a failed job again after seconds: a client is waiting.
type retrySoon struct{ clock *stateclock.Clock }

func (r retrySoon) NextRetry(job *rivertype.JobRow) time.Time {
	longest := time.Minute
	if job.Kind == (jobs.CleanupArgs{}).Kind() {
		longest = time.Hour // nobody waits, and the store may be down for days
	}
	wait := min(time.Duration(len(job.Errors)*len(job.Errors)+1)*time.Second, longest)
	// Parts that failed together should not come back together.
	return r.clock.Now().Add(wait + rand.N(wait/2)) //nolint:gosec // not a secret
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

// repeatEvery is how often River may repeat a message: while the state database is
// away, its parts report that several times a second.
const repeatEvery = time.Minute

// riverLog is the log of River. It passes on warnings and worse, and each message
// once in repeatEvery. What River says of single jobs below that is said better by
// failures.
type riverLog struct {
	slog.Handler

	messages *messages
}

func newRiverLog(logger *slog.Logger) *slog.Logger {
	return slog.New(riverLog{logger.Handler(), &messages{logged: map[string]time.Time{}}})
}

// Enabled is that of slog.Handler.
func (h riverLog) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

// Handle is that of slog.Handler.
func (h riverLog) Handle(ctx context.Context, record slog.Record) error {
	if !h.messages.due(record.Message) {
		return nil
	}
	return h.Handler.Handle(ctx, record)
}

// WithAttrs is that of slog.Handler.
func (h riverLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return riverLog{h.Handler.WithAttrs(attrs), h.messages}
}

// WithGroup is that of slog.Handler.
func (h riverLog) WithGroup(name string) slog.Handler {
	return riverLog{h.Handler.WithGroup(name), h.messages}
}

// messages are those of River's that were logged: a few dozen at most.
type messages struct {
	mu     sync.Mutex
	logged map[string]time.Time
}

// due reports whether the message is to be logged now.
func (m *messages) due(message string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at, ok := m.logged[message]; ok && time.Since(at) < repeatEvery {
		return false
	}
	m.logged[message] = time.Now()
	return true
}
