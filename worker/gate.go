package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/seed-90096f4d/sluice/jobs"
)

const (
	// giveBackTime is how long a job that is given back waits for another worker.
	giveBackTime = 2 * time.Second

	// giveBackLogEvery is how often the same reason is logged.
	giveBackLogEvery = time.Minute
)

// gate is a hook of River that gives back jobs which this process must leave to
// others: all of them while the process is unhealthy, and those that require a newer
// version. River does not count the attempt.
type gate struct {
	river.HookDefaults

	health *health
	logger *slog.Logger

	mu       sync.Mutex
	reason   string // last logged
	loggedAt time.Time
}

var _ rivertype.HookWorkBegin = (*gate)(nil)

// WorkBegin is called by River before each job.
func (g *gate) WorkBegin(ctx context.Context, job *rivertype.JobRow) error {
	if err := g.health.recheck(ctx); err != nil {
		return river.JobSnooze(giveBackTime)
	}
	if err := jobs.CheckRequired(job.EncodedArgs); err != nil {
		return g.giveBack(ctx, job, err)
	}
	return nil
}

// giveBack logs the reason and returns the error that makes River give the job back.
func (g *gate) giveBack(ctx context.Context, job *rivertype.JobRow, reason error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if reason.Error() != g.reason || time.Since(g.loggedAt) >= giveBackLogEvery {
		g.reason, g.loggedAt = reason.Error(), time.Now()
		g.logger.WarnContext(ctx, "job given back to other workers", "job", job.ID, "kind", job.Kind, "error", reason)
	}
	return river.JobSnooze(giveBackTime)
}

// isForOthers reports whether the error means that another process must run the job.
func isForOthers(err error) bool {
	return errors.Is(err, jobs.ErrLocationMoved) || errors.Is(err, jobs.ErrNewer)
}
