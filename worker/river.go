package worker

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"strings"
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
	every := func(interval time.Duration, args river.JobArgs) *river.PeriodicJob {
		return river.NewPeriodicJob(
			river.PeriodicInterval(interval),
			func() (river.JobArgs, *river.InsertOpts) { return args, nil },
			&river.PeriodicJobOpts{ID: args.Kind(), RunOnStart: true},
		)
	}
	return []*river.PeriodicJob{every(jobs.ExpireInterval, jobs.ExpireArgs{}), every(jobs.SweepInterval, jobs.SweepArgs{})}
}

// repeatEvery is how often the same message is logged: while the state database is
// unreachable, River's services report that several times a second.
const repeatEvery = time.Minute

// cancelledRemotely ends the message with which River warns of each running job that is
// cancelled. For Sluice that is the normal end of the parts of an export that a client
// cancels; jobs.Store reports the cancellation once (jobs.EventCancelled).
const cancelledRemotely = ": job cancelled remotely"

// riverLog is the slog.Handler of River. It passes on warnings and errors but for
// cancelledRemotely, and each message once in repeatEvery. errorHandler logs the errors
// of single jobs.
type riverLog struct {
	slog.Handler

	messages *throttle
}

func newRiverLog(logger *slog.Logger) *slog.Logger {
	return slog.New(riverLog{logger.Handler(), newThrottle()})
}

// Enabled implements slog.Handler.
func (h riverLog) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h riverLog) Handle(ctx context.Context, record slog.Record) error {
	if strings.HasSuffix(record.Message, cancelledRemotely) || !h.messages.due(record.Message) {
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

// throttle records when each of a few dozen messages was last logged.
type throttle struct {
	mu     sync.Mutex
	logged map[string]time.Time
}

func newThrottle() *throttle { return &throttle{logged: map[string]time.Time{}} }

// due reports whether to log the message now.
func (m *throttle) due(message string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at, ok := m.logged[message]; ok && time.Since(at) < repeatEvery {
		return false
	}
	m.logged[message] = time.Now()
	return true
}
