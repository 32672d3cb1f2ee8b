// Package stage reads a part of an export into objects that wait in the object store
// to be published.
//
// It must not know how parts are planned, apart from the persisted plan of each, nor
// how jobs run.
package stage

import (
	"cmp"
	"context"
	"fmt"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/storage"
	"github.com/seed-90096f4d/sluice/telemetry/span"
)

// Stager stages parts.
type Stager struct {
	Bucket *storage.Bucket
	Source *source.Source
	Store  *jobs.Store

	// ByPatient stages the parts of exports that are organized by patient.
	ByPatient Kind

	// MaxFileBytes is the maximum size of a file, in bytes before compression. A request
	// can ask for less.
	MaxFileBytes int64

	// Version is the version of Sluice, for the metadata of Parquet files.
	Version string
}

// Kind stages parts of one kind: it reads the part and adds its files to the task.
type Kind func(ctx context.Context, task *Task) error

// Task is a part that is being staged.
type Task struct {
	Part   jobs.Part
	Reader *source.Reader

	// Bucket is where the part's files go.
	Bucket *storage.Bucket

	// Options configure the part's files. The Kind sets the Format.
	Options ndjson.Options

	// Outcomes collects what the client should know about the part. The Stager adds
	// them as a file of their own.
	Outcomes Outcomes

	version string // of Sluice
	files   Files
}

// Stage stages the part. The files that it returns must be published or discarded,
// also after an error. progress is called with the rows and bytes read so far.
func (s *Stager) Stage(ctx context.Context, part jobs.Part, progress func(rows, storedBytes int64)) (Files, error) {
	reader, err := s.openReader(ctx, part)
	if err != nil {
		return Files{}, err
	}
	defer reader.Close(ctx)
	ctx, scan := span.Start(ctx, "scan")
	progress, read := traceProgress(scan, progress)

	task := &Task{Part: part, Reader: reader, Bucket: s.Bucket, version: s.Version}
	task.Options = ndjson.Options{
		Gzip:         true,
		MaxFileBytes: min(s.MaxFileBytes, cmp.Or(part.Request.MaxFileBytes, s.MaxFileBytes)),
		Issue:        task.Outcomes.Add,
		Progress:     progress,
	}
	kind, err := s.kind(part.Kind)
	if err == nil {
		err = kind(ctx, task)
	}
	if err == nil {
		err = task.stageOutcomes(ctx)
	}
	read(err)
	task.files.Issues = task.Outcomes.issues
	return task.files, err
}

// kind returns what stages parts of that kind.
func (s *Stager) kind(of jobs.PartKind) (Kind, error) {
	switch of {
	case jobs.Resources:
		return stageResources, nil
	case jobs.Deletions:
		return stageDeletions, nil
	case jobs.Views:
		return stageViews, nil
	case jobs.PatientBlocks:
		return s.ByPatient, nil
	}
	return nil, fmt.Errorf("%w: part of kind %q", jobs.ErrNewer, of)
}

// openReader imports the part's snapshot by any of its names, and exports it under
// another, so that it is held at least as long as this part runs.
func (s *Stager) openReader(ctx context.Context, part jobs.Part) (reader *source.Reader, err error) {
	ctx, imported := span.Start(ctx, "import snapshot")
	defer func() { span.End(imported, err) }()
	reader, err = s.Source.OpenReader(ctx, part.Snapshots...)
	if err != nil {
		return nil, err
	}
	name, err := reader.ExportSnapshot(ctx)
	if err == nil {
		err = s.Store.SetPartSnapshot(ctx, part, name)
	}
	if err != nil {
		reader.Close(ctx)
		return nil, err
	}
	return reader, nil
}
