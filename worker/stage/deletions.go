package stage

import (
	"context"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/worker/plan"
)

// deletions stages parts that list the resources deleted from a table.
type deletions struct{}

// Stage writes a Bundle for every hundred ids.
func (deletions) Stage(ctx context.Context, t *Task) error {
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
	to := t.NewUploader(ctx)
	_, files, err := ndjson.WriteDeletions(ctx, to.Next, t.Part.ResourceType, ids, opts)
	return to.Finish(jobs.Deleted, "Bundle", files, err)
}
