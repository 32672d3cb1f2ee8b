package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"

	"github.com/seed-90096f4d/sluice/dump"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source"
)

// progressEvery is how often a running part says how far it is, and with it that
// it is still worked on.
const progressEvery = time.Second

// A part whose snapshot is gone waits for the export to be taken over. A holder
// that lives does that at once; for one that died it takes as long as its lease.
// A few minutes of that mean that this process can't see the snapshot at all.
const (
	firstSnapshotWait = 200 * time.Millisecond
	snapshotWait      = 2 * time.Second
	maxSnapshotWaits  = 100
)

// partWorker reads one part of an export into one object.
type partWorker struct {
	river.WorkerDefaults[jobs.PartArgs]

	config Config
	store  *jobs.Store
}

// Timeout is the export's: a part may be as large as a table that can't be cut.
func (w *partWorker) Timeout(*river.Job[jobs.PartArgs]) time.Duration { return w.config.MaxAge }

// Work does the part. One that is no longer wanted needs no more.
func (w *partWorker) Work(ctx context.Context, job *river.Job[jobs.PartArgs]) error {
	part, err := w.store.Hold(ctx, job.Args)
	if err == nil {
		err = w.run(ctx, job, part)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jobs.ErrOver):
		w.config.Logger.InfoContext(ctx, "part no longer wanted", "part", part.ObjectKey, "error", err)
		return nil
	case errors.Is(err, source.ErrSnapshotGone) && part.Attempt() < maxSnapshotWaits:
		// Whoever takes the export over will have it again, or drop the part.
		return river.JobSnooze(min(time.Duration(part.Attempt())*firstSnapshotWait, snapshotWait))
	case part.ObjectKey != "":
		err = &fileError{file: strings.TrimPrefix(part.ObjectKey, job.Args.ExportID.String()+"/"), err: err}
	}
	return ended(ctx, err)
}

// run reads the part and keeps it from others meanwhile.
func (w *partWorker) run(ctx context.Context, job *river.Job[jobs.PartArgs], part jobs.Part) error {
	var read atomic.Int64
	renew := func(ctx context.Context) error { return w.store.RenewPart(ctx, part, read.Load()) }
	return leased(ctx, progressEvery, w.config.Logger, renew, func(ctx context.Context) error {
		result, staged, err := w.stage(ctx, part, func(_, storedBytes int64) { read.Store(storedBytes) })
		if err == nil {
			err = w.store.Done(ctx, job, part, result, staged.publish)
		}
		if err != nil {
			return errors.Join(err, staged.discard(ctx))
		}
		return nil
	})
}

// stage reads the part into objects that nobody can read yet. They are there
// also when an error is returned.
func (w *partWorker) stage(ctx context.Context, part jobs.Part, progress func(rows, storedBytes int64)) (jobs.PartResult, stagedPart, error) {
	reader, err := w.openReader(ctx, part)
	if err != nil {
		return jobs.PartResult{}, stagedPart{}, err
	}
	defer reader.Close(ctx)

	if part.Kind == jobs.Deletions {
		return w.stageDeletions(ctx, part, reader)
	}
	return w.stageResources(ctx, part, reader, progress)
}

// stageResources is stage for a share of a table.
func (w *partWorker) stageResources(ctx context.Context, part jobs.Part, reader *source.Reader, progress func(rows, storedBytes int64)) (jobs.PartResult, stagedPart, error) {
	var scan source.Scan
	if err := json.Unmarshal(part.Scan, &scan); err != nil {
		return jobs.PartResult{}, stagedPart{}, fmt.Errorf("read the plan: %w", err)
	}
	format, err := w.format(ctx, part, reader)
	if err != nil {
		return jobs.PartResult{}, stagedPart{}, err
	}
	rows := func(ctx context.Context, fn func(*source.Row) error) error { return reader.Scan(ctx, scan, fn) }
	var issues outcomes
	result, staged, err := upload(ctx, w.config.Bucket, part.ObjectKey, part.ResourceType, rows, dump.Options{
		Format:   format,
		Issue:    issues.add,
		Progress: progress,
	})
	if err != nil {
		return jobs.PartResult{}, staged, err
	}
	written := jobs.PartResult{Resources: result.Rows, FileBytes: result.Bytes, SHA256: result.SHA256[:]}
	if issues.count > 0 {
		written.OutcomesKey = outcomesKey(part.ObjectKey)
		staged.outcomes, err = issues.stage(ctx, w.config.Bucket, written.OutcomesKey)
		written.Outcomes = issues.count
	}
	return written, staged, err
}

// openReader opens the snapshot by any of its names, and gives it one more, so
// that it lives at least as long as this part.
func (w *partWorker) openReader(ctx context.Context, part jobs.Part) (*source.Reader, error) {
	reader, err := w.config.Source.OpenReader(ctx, part.Snapshots...)
	if err != nil {
		return nil, err
	}
	name, err := reader.Share(ctx)
	if err == nil {
		err = w.store.SharePart(ctx, part, name)
	}
	if err != nil {
		reader.Close(ctx)
		return nil, err
	}
	return reader, nil
}

// format is what the kick-off asked for, with the first-class extensions as the
// snapshot has them.
func (w *partWorker) format(ctx context.Context, part jobs.Part, reader *source.Reader) (dump.Format, error) {
	format := dump.Format{
		FHIR:            part.Request.FHIR,
		VersionIDString: part.Request.VersionIDString,
		CreatedAtURL:    part.Request.CreatedAtURL,
	}
	if !format.FHIR {
		return format, nil
	}
	var err error
	format.Attributes, err = dump.ReadAttributes(ctx, w.config.Source, reader.Scan)
	return format, err
}
