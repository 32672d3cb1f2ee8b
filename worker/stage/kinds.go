package stage

import (
	"context"
	"fmt"
	"strings"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/worker/plan"
)

// stageResources stages a part that reads a page range of a table: a line for each row.
func stageResources(ctx context.Context, t *Task) error {
	scan, err := plan.ResourcesScan(t.Part)
	if err != nil {
		return err
	}
	opts := t.Options
	if opts.Format, err = t.Format(ctx); err != nil {
		return err
	}
	if err := t.reportOtherTypes(ctx, scan); err != nil {
		return err
	}
	rows, err := t.Reader.Scan(ctx, scan)
	if err != nil {
		return err
	}
	defer rows.Close()
	_, files, err := ndjson.WriteFiles(ctx, t.NextFile, t.Part.ResourceType, rows, opts)
	return t.Finish(jobs.Output, t.Part.ResourceType, files, err)
}

// reportOtherTypes reports rows that name another resource type than their table, as
// far as a sample of the part's pages shows.
func (t *Task) reportOtherTypes(ctx context.Context, scan source.Scan) error {
	types, err := t.Reader.OtherTypes(ctx, scan)
	if err == nil && len(types) > 0 {
		t.Outcomes.Warn(jobs.Warning{Code: "structure", Text: fmt.Sprintf(
			"some rows of table %s name other resource types (%s); all of its rows are exported as %s",
			scan.Table.Name, strings.Join(types, ", "), scan.Table.Type)})
	}
	return err
}

// stageDeletions stages a part that lists the resources deleted from a table: a Bundle
// for every hundred ids.
func stageDeletions(ctx context.Context, t *Task) error {
	deletions, err := plan.PartDeletions(t.Part)
	if err != nil {
		return err
	}
	ids, err := t.Reader.Deletions(ctx, deletions)
	if err != nil {
		return err
	}
	defer ids.Close()
	opts := t.Options
	opts.Issue, opts.Progress = nil, nil // the ids of a history are no measure of the part
	_, files, err := ndjson.WriteDeletions(ctx, t.NextFile, t.Part.ResourceType, ids, opts)
	return t.Finish(jobs.Deleted, "Bundle", files, err)
}
