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
	case err == nil, errors.Is(err, jobs.ErrOver):
		return nil
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
	if part.Kind == jobs.Deletions {
		return w.stageDeletions(ctx, part)
	}
	var scan source.Scan
	if err := json.Unmarshal(part.Scan, &scan); err != nil {
		return jobs.PartResult{}, stagedPart{}, fmt.Errorf("read the plan: %w", err)
	}
	format, err := w.format(ctx, part)
	if err != nil {
		return jobs.PartResult{}, stagedPart{}, err
	}
	rows := func(ctx context.Context, fn func(*source.Row) error) error {
		return w.config.Source.ScanAt(ctx, part.Snapshot, scan, fn)
	}
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

// format is what the kick-off asked for, with the first-class extensions as the
// snapshot has them.
func (w *partWorker) format(ctx context.Context, part jobs.Part) (dump.Format, error) {
	format := dump.Format{
		FHIR:            part.Request.FHIR,
		VersionIDString: part.Request.VersionIDString,
		CreatedAtURL:    part.Request.CreatedAtURL,
	}
	if !format.FHIR {
		return format, nil
	}
	var err error
	format.Attributes, err = dump.ReadAttributes(ctx, w.config.Source, part.Snapshot)
	return format, err
}
