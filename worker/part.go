package worker

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/worker/stage"
)

// progressEvery is how often a running part records its progress and renews its
// lease.
const progressEvery = time.Second

// progressAfter is how long a part must have been reading, and still do so, before it
// ends the wait of its export: until then its reads may be served from memory while
// the store is unreachable.
const progressAfter = 15 * time.Second

// A part whose snapshot is gone waits for another process to take over the export. A
// living holder does that at once; the lease of a dead one has to expire first. After
// a few minutes the snapshot may still be held, but on a server that new connections
// do not reach: the export is reassigned, and restarts from a new snapshot if the
// process that takes it cannot reach that server either.
const (
	firstSnapshotWait = 200 * time.Millisecond
	snapshotWait      = 2 * time.Second
	maxSnapshotWaits  = 100
)

// partWorker reads one part of an export into its files.
type partWorker struct {
	river.WorkerDefaults[jobs.PartArgs]
	*Worker

	stager *stage.Stager
}

// Timeout is the maximum age of an export: a part can be as large as a table that
// cannot be divided.
func (w *partWorker) Timeout(*river.Job[jobs.PartArgs]) time.Duration { return w.config.ExportTimeout }

// Work runs the part. It is not an error if its export no longer needs it.
func (w *partWorker) Work(ctx context.Context, job *river.Job[jobs.PartArgs]) error {
	part, err := w.store.TakePart(ctx, job.Args)
	var wrote bool
	if err == nil {
		tracePart(ctx, job.Args, part)
		wrote, err = w.run(ctx, job, part)
	}
	switch {
	case err == nil:
		if part.ExportWaits {
			w.endWait(ctx, job.Args.ExportID, wrote)
		}
		return nil
	case errors.Is(err, jobs.ErrStale):
		w.config.Logger.InfoContext(ctx, "part dropped", "part", part.ObjectKey, "error", err)
		return nil
	case errors.Is(err, source.ErrSnapshotGone):
		return w.awaitSnapshot(ctx, part, err)
	case part.ObjectKey != "":
		err = &fileError{file: strings.TrimPrefix(part.ObjectKey, job.Args.ExportID.String()+"/"), err: err}
	}
	return withCause(ctx, err)
}

// awaitSnapshot snoozes the part until another process has taken over the export,
// which then has its snapshot or drops the part.
func (w *partWorker) awaitSnapshot(ctx context.Context, part jobs.Part, gone error) error {
	if part.Attempt%maxSnapshotWaits == 0 {
		w.config.Logger.WarnContext(ctx, "export reassigned: snapshot not reachable", "part", part.ObjectKey, "attempt", part.Attempt, "error", gone)
		if err := w.store.Reassign(ctx, part); err != nil && !errors.Is(err, jobs.ErrStale) {
			return err
		}
	}
	return river.JobSnooze(min(time.Duration(part.Attempt)*firstSnapshotWait, snapshotWait))
}

// run stages the part under a lease and ends it. It reports whether the part has
// files: an empty one has none. Ending needs no lease: the transaction of Done locks
// the part's row, and a renewal after its commit would find the part done and cancel
// Done while it waits for the answer.
func (w *partWorker) run(ctx context.Context, job *river.Job[jobs.PartArgs], part jobs.Part) (wrote bool, err error) {
	var read atomic.Int64
	renew := w.renewal(part, &read)
	if part.ExportWaits {
		renew = w.endingWait(part, &read, renew)
	}
	var files stage.Files
	held := lease{kind: job.Kind, every: progressEvery, renew: renew}
	err = w.withLease(ctx, held, func(ctx context.Context) (err error) {
		files, err = w.stager.Stage(ctx, part, func(_, storedBytes int64) { read.Store(storedBytes) })
		return err
	})
	if err == nil {
		err = w.store.CompletePart(ctx, job, part, files.Files, files.Publish)
	}
	if err != nil {
		return false, errors.Join(err, files.Discard(ctx))
	}
	w.metrics.countPart(part, files, read.Load())
	traceFiles(ctx, files, read.Load())
	return len(files.Files) > 0, nil
}

// renewal returns a function that renews the part's lease and records its progress.
func (w *partWorker) renewal(part jobs.Part, read *atomic.Int64) func(context.Context) error {
	var before int64
	return func(ctx context.Context) error {
		bytes := read.Load()
		err := w.store.RenewPart(ctx, part, bytes, bytes > before)
		if err == nil {
			before = bytes
		}
		return err
	}
}

// endingWait returns a renewal of the part's lease that also ends the wait of its
// export, once the part has been reading for a while and still does.
func (w *partWorker) endingWait(part jobs.Part, read *atomic.Int64, renew func(context.Context) error) func(context.Context) error {
	start, before, ended := time.Now(), int64(0), false
	return func(ctx context.Context) error {
		bytes := read.Load()
		if !ended && bytes > before && time.Since(start) > progressAfter {
			w.endWait(ctx, part.ExportID(), false)
			ended = true
		}
		before = bytes
		return renew(ctx)
	}
}
