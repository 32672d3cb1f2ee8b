package worker

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/seed-90096f4d/sluice/jobs"
)

// retrySoon tries a failed job again after seconds: a client is waiting.
type retrySoon struct{ clock *jobs.Clock }

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
			river.PeriodicInterval(jobs.ExpireEvery),
			func() (river.JobArgs, *river.InsertOpts) { return jobs.ExpireArgs{}, nil },
			&river.PeriodicJobOpts{ID: jobs.ExpireArgs{}.Kind(), RunOnStart: true},
		),
		river.NewPeriodicJob(
			river.PeriodicInterval(jobs.SweepEvery),
			func() (river.JobArgs, *river.InsertOpts) { return jobs.SweepArgs{}, nil },
			&river.PeriodicJobOpts{ID: jobs.SweepArgs{}.Kind(), RunOnStart: true},
		),
	}
}

// onlyWarnings passes on what is a warning or worse. What River says of single
// jobs below that is said better by failures.
type onlyWarnings struct{ slog.Handler }

func (h onlyWarnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

func (h onlyWarnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return onlyWarnings{h.Handler.WithAttrs(attrs)}
}

func (h onlyWarnings) WithGroup(name string) slog.Handler {
	return onlyWarnings{h.Handler.WithGroup(name)}
}
