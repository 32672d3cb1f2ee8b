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

// resources stages parts that read a page range of a table.
type resources struct{}

// Stage writes a line for each row.
func (resources) Stage(ctx context.Context, t *Task) error {
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
	to := t.NewUploader(ctx)
	_, files, err := ndjson.WriteFiles(ctx, to.Next, t.Part.ResourceType, rows, opts)
	return to.Finish(jobs.Output, t.Part.ResourceType, files, err)
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
