package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/seed-90096f4d/sluice/jobs"
)

const (
	// giveBackTime is how long a job that was given back waits for another worker.
	giveBackTime = 2 * time.Second

	// giveBackLogEvery is how often the same reason is logged.
	giveBackLogEvery = time.Minute
)

// gate gives back jobs that this process must leave to others: all of them while
// the process is unfit, and those that require a newer version. River does not count
// the attempt.
type gate struct {
	river.HookDefaults

	fit    func(context.Context) error
	logger *slog.Logger
	unfit  func(context.Context, error) // stops this process from taking jobs

	mu       sync.Mutex
	reason   string // logged last
	loggedAt time.Time
}

var _ rivertype.HookWorkBegin = (*gate)(nil)

// WorkBegin is called by River before each job.
func (g *gate) WorkBegin(ctx context.Context, job *rivertype.JobRow) error {
	if err := g.fit(ctx); err != nil {
		g.unfit(ctx, err)
		return river.JobSnooze(giveBackTime)
	}
	if err := jobs.CheckRequired(job.EncodedArgs); err != nil {
		return g.giveBack(ctx, job, err)
	}
	return nil
}

// giveBack logs the reason and returns the error by which River gives the job back.
func (g *gate) giveBack(ctx context.Context, job *rivertype.JobRow, reason error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if reason.Error() != g.reason || time.Since(g.loggedAt) >= giveBackLogEvery {
		g.reason, g.loggedAt = reason.Error(), time.Now()
		g.logger.WarnContext(ctx, "job left to other workers", "job", job.ID, "kind", job.Kind, "error", reason)
	}
	return river.JobSnooze(giveBackTime)
}

// isForOthers reports whether the error means that another process has to do the
// job.
func isForOthers(err error) bool {
	return errors.Is(err, jobs.ErrLocationMoved) || errors.Is(err, jobs.ErrNewer)
}

// decodePlan reads what the plan says of a part. jobs.ErrNewer if it says more than
// this version understands.
func decodePlan(document json.RawMessage, plan any) error {
	strict := json.NewDecoder(bytes.NewReader(document))
	strict.DisallowUnknownFields()
	unknown := strict.Decode(plan)
	if unknown == nil {
		return nil
	}
	if err := json.Unmarshal(document, plan); err != nil {
		return fmt.Errorf("read the plan: %w", err)
	}
	return fmt.Errorf("%w: plan: %w", jobs.ErrNewer, unknown)
}
