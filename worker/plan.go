package worker

import (
	"context"
	"fmt"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source"
)

// plan works out the parts of the export under the snapshot.
func (w *exportWorker) plan(ctx context.Context, export jobs.Export, snapshot *source.Snapshot) (jobs.Plan, error) {
	tables, err := holdTables(ctx, export, snapshot)
	if err != nil {
		return jobs.Plan{}, err
	}
	if export.Request.Existing && len(tables) < len(export.Request.Types) {
		return jobs.Plan{}, fmt.Errorf("plan: %w", source.ErrNoTable)
	}
	plan := w.planTypes
	if export.Request.OrganizeBy != "" {
		plan = w.planBlocks
	}
	parts, err := plan(ctx, export, snapshot, tables)
	if err != nil {
		return jobs.Plan{}, err
	}
	deletions, err := w.planDeletions(ctx, export, tables)
	if err != nil {
		return jobs.Plan{}, err
	}
	return jobs.Plan{
		Snapshot:        snapshot.ID,
		TransactionTime: snapshot.TransactionTime,
		Parts:           longestFirst(append(parts, deletions...)),
	}, nil
}

// planTypes makes parts of an export whose files have one resource type each.
func (w *exportWorker) planTypes(ctx context.Context, export jobs.Export, snapshot *source.Snapshot, tables []source.Table) ([]jobs.PlannedPart, error) {
	scans, err := w.planScans(ctx, export.Request, snapshot, tables)
	if err != nil {
		return nil, err
	}
	least := leastBytes(export.Request, w.config.MaxFileBytes)
	return cut(export.ID, scans, w.config.PartBytes, least, w.config.Window)
}

// planScans says what is to be read, one scan for each table. What the request
// wants besides times, each part works out for itself, since it can be long; but
// what is about several tables is planned here.
func (w *exportWorker) planScans(ctx context.Context, request jobs.Request, snapshot *source.Snapshot, tables []source.Table) ([]source.Scan, error) {
	scans := make([]source.Scan, len(tables))
	planned := make([]source.Scan, len(tables))
	for i, table := range tables {
		scan := source.Scan{
			Table:         table,
			CreatedAfter:  request.CreatedAfter,
			ChangedAfter:  request.ChangedAfter,
			ChangedBefore: request.ChangedBefore,
		}
		only, err := selection(ctx, w.config.Source, request, table.Type, snapshot.TransactionTime)
		if err != nil {
			return nil, err
		}
		scan.Only = only
		scans[i] = scan
		if only.Keys != "" { // the indexes that serve it are those of other tables
			scan.Only = source.Condition{}
		}
		narrowed, err := snapshot.Narrow(ctx, scan)
		if err != nil {
			return nil, &source.TableError{Type: table.Type, Err: err}
		}
		scan.Table, scan.Only = narrowed, source.Condition{}
		planned[i] = scan
	}
	for i, scan := range scans {
		if scan.Table.Type == provenanceType {
			planned[i] = planProvenance(request, scan, scans, planned[i])
		}
	}
	return planned, nil
}
