package stage

import (
	"cmp"
	"context"
	"fmt"
	"io"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/ndjson/gzipmember"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/storage"
	"github.com/seed-90096f4d/sluice/table"
	"github.com/seed-90096f4d/sluice/table/pass"
	"github.com/seed-90096f4d/sluice/view"
	"github.com/seed-90096f4d/sluice/worker/plan"
)

// maxParquetBytes is the size at which a Parquet file is completed and another one
// begins. Readers process files of 100 MB and more in parallel.
const maxParquetBytes = 256 << 20

// ViewError is a view that was valid at the kick-off and cannot be evaluated now: the
// first-class extensions may have changed.
type ViewError struct {
	Name string
	Err  error
}

// Error describes the error for the log: without what is wrong, which quotes the view.
func (e *ViewError) Error() string { return "view " + e.Name + ": no longer valid" }

// Describe describes the error for the author of the view.
func (e *ViewError) Describe() string { return fmt.Sprintf("view %s: %v", e.Name, e.Err) }

// Unwrap returns the cause.
func (e *ViewError) Unwrap() error { return e.Err }

// stageViews stages a part that reads a page range of a table for views: a row or more
// for each resource.
func stageViews(ctx context.Context, t *Task) error {
	planned, err := plan.PartViews(t.Part)
	if err != nil {
		return err
	}
	format := ndjson.Format{Style: t.Part.Request.Style}
	if format.Attributes, err = ndjson.ReadAttributes(ctx, t.Reader); err != nil {
		return err
	}
	outputs, err := t.viewOutputs(planned, fhir.R4().WithAttributes(format.Attributes))
	if err != nil {
		return err
	}
	if planned.Scan != nil {
		if err := t.readViews(ctx, *planned.Scan, outputs, format); err != nil {
			return err
		}
	}
	for _, o := range outputs {
		if planned.IsFirst && len(o.files) == 0 {
			if err := o.writeEmpty(ctx); err != nil {
				return err
			}
		}
		if err := o.finish(); err != nil {
			return err
		}
	}
	return nil
}

// viewOutputs returns the outputs of the part.
func (t *Task) viewOutputs(planned plan.Views, elements *fhir.Tables) ([]*viewOutput, error) {
	var outputs []*viewOutput
	for _, output := range planned.Outputs {
		parsed, err := view.Parse(output.Definition, elements)
		if err != nil {
			return nil, &ViewError{Name: output.Name, Err: err}
		}
		named := *parsed
		named.Name = output.Name // by which the client knows it, in errors, too
		outputs = append(outputs, &viewOutput{
			task: t,
			view: &named,
			key:  func(file int) string { return planned.Key(output, file) },
			options: table.Options{
				Format:   table.Format(t.Part.Request.Tables.Format),
				NoHeader: t.Part.Request.Tables.NoHeader,
				Metadata: table.Metadata{
					View:         cmp.Or(parsed.Canonical(), output.Name),
					ResourceType: t.Part.ResourceType,
					Version:      t.version,
					Export:       t.Part.ExportID().String(),
					Snapshot:     t.Part.TransactionTime,
				},
			},
		})
	}
	return outputs, nil
}

// readViews writes the rows of the views in one pass over the resources.
func (t *Task) readViews(ctx context.Context, scan source.Scan, outputs []*viewOutput, format ndjson.Format) error {
	if err := t.reportOtherTypes(ctx, scan); err != nil {
		return err
	}
	opts := pass.Options{Format: format, MaxFileBytes: t.Options.MaxFileBytes, Issue: t.Options.Issue, Progress: t.Options.Progress}
	to := make([]pass.Output, len(outputs))
	for i, o := range outputs {
		to[i] = pass.Output{View: o.view, Options: o.options, Next: o.next}
		if o.isParquet() {
			opts.MaxFileBytes = min(opts.MaxFileBytes, maxParquetBytes)
		}
	}
	rows, err := t.Reader.Scan(ctx, scan)
	if err != nil {
		return err
	}
	defer rows.Close()
	result, err := pass.Run(ctx, t.Part.ResourceType, []*source.Rows{rows}, to, opts)
	if err != nil {
		return err
	}
	for i, o := range outputs {
		o.written = result.Files[i]
	}
	return nil
}

// viewOutput writes the files of a view. One is open at a time.
type viewOutput struct {
	task    *Task
	view    *view.View // with the name of the output
	key     func(file int) string
	options table.Options

	files   []int       // positions among the task's files and objects
	written []pass.File // what the files contain

	stream *gzipmember.Stream // of the open file; nil if the output is not compressed
	object *storage.Writer    // of the open file; nil before the first
}

// isParquet reports whether the files are compressed in themselves.
func (o *viewOutput) isParquet() bool { return o.options.Format == table.Parquet }

// next completes the open file, if there is one, and begins the next.
func (o *viewOutput) next(ctx context.Context) (io.Writer, error) {
	if err := o.close(); err != nil {
		return nil, err
	}
	key := o.key(len(o.files) + 1)
	object, err := o.task.create(ctx, key)
	if err != nil {
		return nil, err
	}
	o.object = object
	o.files = append(o.files, len(o.task.files.Files))
	o.task.files.Files = append(o.task.files.Files, jobs.File{
		Kind: jobs.Output, Output: o.view.Name, ResourceType: o.task.Part.ResourceType, ObjectKey: key,
	})
	if o.isParquet() {
		return object, nil
	}
	o.stream = gzipmember.NewStream(object)
	return struct{ io.Writer }{o.stream}, nil // without Flush: no client waits for the first rows
}

// close completes the upload of the open file.
func (o *viewOutput) close() error {
	if o.object == nil {
		return nil
	}
	if o.stream != nil {
		if err := o.stream.Close(); err != nil {
			return err
		}
	}
	return o.object.Close()
}

// writeEmpty writes a file without rows: the header of CSV, the schema of Parquet.
func (o *viewOutput) writeEmpty(ctx context.Context) error {
	to, err := o.next(ctx)
	if err != nil {
		return err
	}
	writer, err := table.NewWriter(to, o.view.Columns, o.options)
	if err == nil {
		err = writer.Close()
	}
	if err != nil {
		return fmt.Errorf("write an empty table: %w", err)
	}
	o.written = []pass.File{{Bytes: writer.Bytes()}}
	return nil
}

// finish completes the last file and describes all of them.
func (o *viewOutput) finish() error {
	if err := o.close(); err != nil {
		return err
	}
	for i, written := range o.written {
		file, object := &o.task.files.Files[o.files[i]], o.task.files.objects[o.files[i]]
		file.Resources, file.PlainBytes = written.Rows, written.Bytes
		file.Bytes, file.SHA256 = object.Size(), object.SHA256()
	}
	return nil
}
