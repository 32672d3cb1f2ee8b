package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
)

// forgetting says what a part of deletions reads, as reading does of others.
type forgetting struct {
	source.Deletions
	Targets targets `json:",omitempty"`
}

// planDeletions adds, to an export of what changed since a time, what was
// deleted since then: one part for each table with a history. Nothing is known
// of deletions from other tables, and a warning says so. Nor is it known whose a
// deleted resource was, unless the history has its versions: where only some
// patients' resources are wanted, those decide.
func planDeletions(wanted selection, export jobs.Export, tables []source.Table, targets targets) ([]jobs.PlannedPart, []jobs.Warning, error) {
	if export.Request.ChangedAfter.IsZero() {
		return nil, nil, nil
	}
	var parts []jobs.PlannedPart
	var unlisted []string
	for _, table := range tables {
		fault := table.HistoryFault
		if wanted.ofSome() {
			fault = table.VersionsFault
		}
		if fault != "" {
			unlisted = append(unlisted, fmt.Sprintf("%s (%s)", table.Type, fault))
			continue
		}
		table.Members = nil // all of them are looked at
		deletions := forgetting{Deletions: source.Deletions{Table: table, After: export.Request.ChangedAfter}}
		if table.Type == provenanceType {
			deletions.Targets = targets
		}
		scan, err := json.Marshal(deletions)
		if err != nil {
			return nil, nil, fmt.Errorf("plan deletions of %s: %w", table.Type, err)
		}
		parts = append(parts, jobs.PlannedPart{
			Kind:         jobs.Deletions,
			ResourceType: table.Type,
			Scan:         scan,
			ObjectKey:    fmt.Sprintf("%s/deleted/%s.deleted.0001%s", export.ID, table.Type, fileSuffix),
			Bytes:        table.HistoryBytes,
		})
	}
	if len(unlisted) == 0 {
		return parts, nil, nil
	}
	return parts, []jobs.Warning{incomplete("resources that were deleted are not listed of these types: " + strings.Join(unlisted, ", "))}, nil
}

// stageDeletions is stage for what was deleted from a table.
func (w *partWorker) stageDeletions(ctx context.Context, part jobs.Part, reader *source.Reader) (written, error) {
	var deletions forgetting
	if err := decodePlan(part.Scan, &deletions); err != nil {
		return written{}, err
	}
	wanted, err := selectionOf(ctx, part, reader)
	if err != nil {
		return written{}, err
	}
	deletions.Only = wanted.ofDeleted(part.ResourceType, deletions.Targets)
	ids, err := reader.Deletions(ctx, deletions.Deletions)
	if err != nil {
		return written{}, err
	}
	defer ids.Close()
	to := uploader{bucket: w.config.Bucket, objectKey: part.ObjectKey}
	return to.send(ctx, jobs.Deleted, "Bundle", func(next ndjson.NextFunc) ([]ndjson.File, error) {
		_, files, err := ndjson.WriteDeletions(ctx, next, part.ResourceType, ids, w.dumpOptions(part))
		return files, err
	})
}
