package worker

import (
	"context"
	"errors"
	"time"

	"github.com/seed-90096f4d/sluice/jobs"
)

// reclaim requeues the jobs of dead processes and fails exports that have waited too
// long, until ctx ends. A process whose location is no longer the recorded one does so,
// too: there may be no other. It does not write to a state database that is newer than
// the process.
func (w *Worker) reclaim(ctx context.Context) {
	ticker := time.NewTicker(jobs.ReclaimInterval)
	defer ticker.Stop()
	var outage stateOutage
	for {
		w.pulse.turn()
		w.reclaimTurn(ctx, &outage)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// reclaimTimeout limits a turn of reclaim. Without it, a database that does not answer
// would look like a process that hangs.
const reclaimTimeout = 20 * time.Second

// reclaimTurn is a turn of reclaim.
func (w *Worker) reclaimTurn(ctx context.Context, outage *stateOutage) {
	ctx, cancel := context.WithTimeout(ctx, reclaimTimeout)
	defer cancel()
	if err := w.health.recheck(ctx); errors.Is(err, jobs.ErrNewer) {
		return
	}
	w.reclaimOnce(ctx, outage)
	w.pulse.reach(!outage.unreachable)
}

// stateOutage is what reclaim knows about an outage of the state database.
type stateOutage struct {
	unreachable bool // at the last tick

	// graceEnd is until when living processes may renew leases that expired during
	// the outage. Otherwise an attempt would be counted for each of them.
	graceEnd time.Time
}

// reclaimOnce is one tick of reclaim.
func (w *Worker) reclaimOnce(ctx context.Context, outage *stateOutage) {
	logger := w.config.Logger
	err := w.failIdle(ctx)
	if err == nil && outage.unreachable {
		*outage = stateOutage{graceEnd: time.Now().Add(jobs.LeaseTime)}
		logger.InfoContext(ctx, "state database reachable again")
	}
	var reclaimed jobs.Reclaimed
	if err == nil && time.Now().After(outage.graceEnd) {
		reclaimed, err = w.store.Reclaim(ctx)
	}
	if reclaimed != (jobs.Reclaimed{}) {
		w.metrics.leasesReclaimed.WithLabelValues(short(jobs.ExportArgs{}.Kind())).Add(float64(reclaimed.Exports))
		w.metrics.leasesReclaimed.WithLabelValues(short(jobs.PartArgs{}.Kind())).Add(float64(reclaimed.Parts))
		logger.WarnContext(ctx, "requeued jobs of a dead worker", "exports", reclaimed.Exports, "parts", reclaimed.Parts)
	}
	if err != nil && !outage.unreachable && !errors.Is(ctx.Err(), context.Canceled) {
		outage.unreachable = true
		logger.WarnContext(ctx, "could not check for abandoned jobs", "error", err)
	}
}
