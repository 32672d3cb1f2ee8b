package worker

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source"
)

// plan cuts the tables that the export wants into parts.
func (w *exportWorker) plan(ctx context.Context, export jobs.Export, snapshot *source.Snapshot) (jobs.Plan, error) {
	tables, err := snapshot.Tables(ctx, export.Request.Types)
	if err != nil {
		return jobs.Plan{}, err
	}
	if export.Request.Existing && len(tables) < len(export.Request.Types) {
		return jobs.Plan{}, fmt.Errorf("plan: %w", source.ErrNoTable)
	}
	plan := jobs.Plan{Snapshot: snapshot.ID, TransactionTime: snapshot.TransactionTime}
	for _, table := range tables {
		parts, err := planTable(export, table, w.config.PartBytes)
		if err != nil {
			return jobs.Plan{}, err
		}
		plan.Parts = append(plan.Parts, parts...)
	}
	deletions, err := w.planDeletions(ctx, export, tables)
	plan.Parts = append(plan.Parts, deletions...)
	return plan, err
}

func planTable(export jobs.Export, table source.Table, partBytes int64) ([]jobs.PlannedPart, error) {
	ranges := source.Plan(table, partBytes)
	total := table.Bytes
	table.Members = nil // the ranges name them

	parts := make([]jobs.PlannedPart, len(ranges))
	for i, blocks := range ranges {
		scan, err := json.Marshal(source.Scan{
			Table:         table,
			Blocks:        blocks,
			CreatedAfter:  export.Request.CreatedAfter,
			ChangedAfter:  export.Request.ChangedAfter,
			ChangedBefore: export.Request.ChangedBefore,
		})
		if err != nil {
			return nil, fmt.Errorf("plan %s: %w", table.Type, err)
		}
		parts[i] = jobs.PlannedPart{
			ResourceType: table.Type,
			Scan:         scan,
			ObjectKey:    fmt.Sprintf("%s/%s.%04d.ndjson.gz", export.ID, table.Type, i+1),
			Bytes:        total / int64(len(ranges)),
		}
	}
	return parts, nil
}
