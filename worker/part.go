package worker

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
)

// progressEvery is how often a running part says how far it is, and with it that
// it is still worked on.
const progressEvery = time.Second

// progressAfter is how long a part that still reads shows that its export no longer
// waits: before that, it may read what is kept in memory while the store is away.
const progressAfter = 15 * time.Second

// A part whose snapshot is gone waits for the export to be taken over. A holder
// that lives does that at once; for one that died it takes as long as its lease.
// After a few minutes of that the snapshot may be held still, but on a server that
// no new connection leads to: the export is reassigned, and restarts from a new
// snapshot if the process that takes it cannot reach that server either.
const (
	firstSnapshotWait = 200 * time.Millisecond
	snapshotWait      = 2 * time.Second
	maxSnapshotWaits  = 100
)

// partWorker reads one part of an export into one file, or several where one
// would become too large.
type partWorker struct {
	river.WorkerDefaults[jobs.PartArgs]

	config Config
	gate   *gate
	store  *jobs.Store
}

// Timeout is the export's: a part may be as large as a table that can't be cut.
func (w *partWorker) Timeout(*river.Job[jobs.PartArgs]) time.Duration { return w.config.MaxAge }

// Work does the part. One that is no longer wanted needs no more.
func (w *partWorker) Work(ctx context.Context, job *river.Job[jobs.PartArgs]) error {
	part, err := w.store.TakePart(ctx, job.Args)
	var wrote bool
	if err == nil {
		wrote, err = w.run(ctx, job, part)
	}
	switch {
	case err == nil:
		if part.ExportWaits {
			endWait(ctx, w.store, w.config.Logger, job.Args.ExportID, wrote)
		}
		return nil
	case errors.Is(err, jobs.ErrStale):
		w.config.Logger.InfoContext(ctx, "part no longer wanted", "part", part.ObjectKey, "error", err)
		return nil
	case isForOthers(err):
		return w.gate.giveBack(ctx, job.JobRow, err)
	case errors.Is(err, source.ErrSnapshotGone):
		return w.awaitSnapshot(ctx, part, err)
	case part.ObjectKey != "":
		err = &fileError{file: strings.TrimPrefix(part.ObjectKey, job.Args.ExportID.String()+"/"), err: err}
	}
	return ended(ctx, err)
}

// awaitSnapshot lets the part wait until the export is taken over: it then has its
// snapshot again, or drops the part.
func (w *partWorker) awaitSnapshot(ctx context.Context, part jobs.Part, gone error) error {
	if part.Attempt()%maxSnapshotWaits == 0 {
		w.config.Logger.WarnContext(ctx, "export reassigned: snapshot not reachable", "part", part.ObjectKey, "attempt", part.Attempt(), "error", gone)
		if err := w.store.Reassign(ctx, part); err != nil && !errors.Is(err, jobs.ErrStale) {
			return err
		}
	}
	return river.JobSnooze(min(time.Duration(part.Attempt())*firstSnapshotWait, snapshotWait))
}

// run reads the part on a lease and ends it. It reports whether the part has files:
// an empty one has none. Ending needs no lease: the transaction of Done holds the
// part's row, and a renewal after its commit would find the part done and cancel
// Done while it waits for the answer.
func (w *partWorker) run(ctx context.Context, job *river.Job[jobs.PartArgs], part jobs.Part) (wrote bool, err error) {
	var read atomic.Int64
	renew := func(ctx context.Context) error { return w.store.RenewPart(ctx, part, read.Load()) }
	if part.ExportWaits {
		renew = w.endingWait(part, &read, renew)
	}
	var files written
	err = leased(ctx, progressEvery, w.config.Logger, renew, func(ctx context.Context) (err error) {
		files, err = w.stage(ctx, part, func(_, storedBytes int64) { read.Store(storedBytes) })
		return err
	})
	if err == nil {
		err = w.store.CompletePart(ctx, job, part, files.files, files.publish)
	}
	if err != nil {
		return false, errors.Join(err, files.discard(ctx))
	}
	return len(files.files) > 0, nil
}

// endingWait returns a renewal of the part's lease that also ends the wait of its
// export, once the part has been reading for a while and still does.
func (w *partWorker) endingWait(part jobs.Part, read *atomic.Int64, renew func(context.Context) error) func(context.Context) error {
	begun, before, ended := time.Now(), int64(0), false
	return func(ctx context.Context) error {
		bytes := read.Load()
		if !ended && bytes > before && time.Since(begun) > progressAfter {
			endWait(ctx, w.store, w.config.Logger, part.ExportID(), false)
			ended = true
		}
		before = bytes
		return renew(ctx)
	}
}

// stage reads the part into files that nobody can read yet. They are there also
// when an error is returned.
func (w *partWorker) stage(ctx context.Context, part jobs.Part, progress func(rows, storedBytes int64)) (written, error) {
	reader, err := w.openReader(ctx, part)
	if err != nil {
		return written{}, err
	}
	defer reader.Close(ctx)

	switch part.Kind {
	case jobs.Deletions:
		return w.stageDeletions(ctx, part, reader)
	case jobs.PatientBlocks:
		return w.stageBlocks(ctx, part, reader, progress)
	}
	return w.stageResources(ctx, part, reader, progress)
}

// stageResources is stage for a share of a table.
func (w *partWorker) stageResources(ctx context.Context, part jobs.Part, reader *source.Reader, progress func(rows, storedBytes int64)) (written, error) {
	scan, err := readPlan(ctx, part, reader)
	if err != nil {
		return written{}, err
	}
	format, err := w.format(ctx, part, reader)
	if err != nil {
		return written{}, err
	}
	rows := func(ctx context.Context, fn func(*source.Row) error) error { return reader.Scan(ctx, scan, fn) }
	var issues outcomes
	if err := issues.reportOtherTypes(ctx, reader, scan); err != nil {
		return written{}, err
	}
	opts := w.dumpOptions(part)
	opts.Format, opts.Issue, opts.Progress = format, issues.add, progress

	to := uploader{bucket: w.config.Bucket, objectKey: part.ObjectKey}
	sent, err := to.send(ctx, jobs.Output, part.ResourceType, func(next ndjson.NextFunc) ([]ndjson.File, error) {
		_, files, err := ndjson.WriteFiles(ctx, next, part.ResourceType, rows, opts)
		return files, err
	})
	if err != nil {
		return sent, err
	}
	return issues.addTo(ctx, w.config.Bucket, part, sent)
}

// readPlan understands what the plan says of the part.
func readPlan(ctx context.Context, part jobs.Part, reader *source.Reader) (source.Scan, error) {
	var planned reading
	if err := decodePlan(part.Scan, &planned); err != nil {
		return source.Scan{}, err
	}
	wanted, err := selectionOf(ctx, part, reader)
	if err != nil {
		return source.Scan{}, err
	}
	planned.Only, err = wanted.of(part.ResourceType, planned.Targets)
	return planned.Scan, err
}

// selectionOf returns what the part's export has.
func selectionOf(ctx context.Context, part jobs.Part, reader *source.Reader) (selection, error) {
	tables := map[string]source.Table{}
	var unreadable *source.UnreadableError
	for _, resourceType := range decidingTypes(part.Request) {
		table, err := reader.Table(ctx, resourceType)
		switch {
		case err == nil:
			tables[resourceType] = table
		case !errors.Is(err, source.ErrNoTable) && !errors.As(err, &unreadable):
			return selection{}, err
		}
	}
	return newSelection(part.Request, part.Members, part.TransactionTime, tables), nil
}

// dumpOptions say how the part's files are written.
func (w *partWorker) dumpOptions(part jobs.Part) ndjson.Options {
	limit := w.config.MaxFileBytes
	if wanted := part.Request.MaxFileBytes; wanted > 0 {
		limit = min(limit, wanted)
	}
	return ndjson.Options{Gzip: true, MaxFileBytes: limit, SHA256: true}
}

// openReader opens the snapshot by any of its names, and gives it one more, so
// that it lives at least as long as this part.
func (w *partWorker) openReader(ctx context.Context, part jobs.Part) (*source.Reader, error) {
	reader, err := w.config.Source.OpenReader(ctx, part.Snapshots...)
	if err != nil {
		return nil, err
	}
	name, err := reader.ExportSnapshot(ctx)
	if err == nil {
		err = w.store.SetPartSnapshot(ctx, part, name)
	}
	if err != nil {
		reader.Close(ctx)
		return nil, err
	}
	return reader, nil
}

// format is what the kick-off asked for, with the first-class extensions as the
// snapshot has them.
func (w *partWorker) format(ctx context.Context, part jobs.Part, reader *source.Reader) (ndjson.Format, error) {
	format := ndjson.Format{
		FHIR:     part.Request.FHIR,
		Style:    part.Request.Style,
		Elements: elements(part.Request, part.ResourceType),
	}
	if !format.FHIR {
		return format, nil
	}
	var err error
	format.Attributes, err = ndjson.ReadAttributes(ctx, reader)
	return format, err
}

// elements are those that the kick-off wants of the resources of a type; nil
// means all.
func elements(request jobs.Request, resourceType string) []string {
	if request.Elements == nil {
		return nil
	}
	wanted := []string{}
	for _, element := range request.Elements {
		of, name, ofType := strings.Cut(element, ".")
		switch {
		case !ofType:
			wanted = append(wanted, element)
		case of == resourceType:
			wanted = append(wanted, name)
		}
	}
	return wanted
}
