package worker

import (
	"context"
	"fmt"
	"slices"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
)

// reading says what a part reads, as the plan has it. What the request wants
// besides times and tables each part works out for itself, since it can be long.
type reading struct {
	source.Scan

	// Targets are those of a part of Provenance.
	Targets targets `json:",omitempty"`
}

// plan works out the parts of the export under the snapshot.
func (w *exportWorker) plan(ctx context.Context, export jobs.Export, snapshot *source.Snapshot) (jobs.Plan, error) {
	request := export.Request
	tables, err := holdTables(ctx, export, snapshot)
	if err != nil {
		return jobs.Plan{}, err
	}
	warnings, err := w.findOmissions(ctx, export.Request)
	if err != nil {
		return jobs.Plan{}, err
	}
	exported := exportedTables(request, tables)
	if err := requireTables(request, tables); err != nil {
		return jobs.Plan{}, fmt.Errorf("plan: %w", err)
	}
	members, err := findMembers(ctx, request, snapshot, tables)
	if err != nil {
		return jobs.Plan{}, err
	}
	wanted := newSelection(request, members, snapshot.TransactionTime, tables)
	targets := findTargets(request, tables)
	plan := w.planTypes
	if request.OrganizeBy != "" {
		plan = w.planBlocks
	}
	parts, err := plan(ctx, export, snapshot, wanted, exported, targets)
	if err != nil {
		return jobs.Plan{}, err
	}
	deletions, unlisted, err := planDeletions(wanted, export, exported, targets)
	if err != nil {
		return jobs.Plan{}, err
	}
	warnings = append(warnings, unlisted...)
	for _, warning := range warnings {
		w.config.Logger.WarnContext(ctx, "export incomplete", "export", export.ID, "reason", warning.Text)
	}
	return jobs.Plan{
		Snapshot:        snapshot.ID,
		TransactionTime: snapshot.TransactionTime,
		Members:         members,
		Parts:           longestFirst(append(parts, deletions...)),
		Warnings:        warnings,
	}, nil
}

// planTypes makes parts of an export whose files have one resource type each.
func (w *exportWorker) planTypes(ctx context.Context, export jobs.Export, snapshot *source.Snapshot, wanted selection, tables []source.Table, targets targets) ([]jobs.PlannedPart, error) {
	scans, err := planScans(ctx, wanted, snapshot, tables, targets)
	if err != nil {
		return nil, err
	}
	return cut(export.ID, scans, w.partSizes(export.Request, wanted.worth()))
}

// holdTables finds the tables that the export reads and keeps them as they are,
// by their types: of the types it exports and, if they can be read, those in
// optionalTypes.
func holdTables(ctx context.Context, export jobs.Export, snapshot *source.Snapshot) (map[string]source.Table, error) {
	held, err := snapshot.Tables(ctx, export.Request.Types, optionalTypes(export.Request)...)
	if err != nil {
		return nil, err
	}
	tables := make(map[string]source.Table, len(held))
	for _, table := range held {
		tables[table.Type] = table
	}
	return tables, nil
}

// optionalTypes are the types of further tables that decide what an export has, or
// how: what Provenance is about, the group, and Aidbox's attributes.
func optionalTypes(request jobs.Request) []string {
	types := slices.Concat(targetTypes(request), decidingTypes(request))
	if request.FHIR {
		types = append(types, ndjson.AttributeType)
	}
	return slices.DeleteFunc(types, func(resourceType string) bool { return slices.Contains(request.Types, resourceType) })
}

// exportedTables are those of the types that the request names, in an order that
// is always the same.
func exportedTables(request jobs.Request, tables map[string]source.Table) []source.Table {
	var exported []source.Table
	for _, resourceType := range slices.Compact(slices.Sorted(slices.Values(request.Types))) {
		if table, ok := tables[resourceType]; ok {
			exported = append(exported, table)
		}
	}
	return exported
}

// requireTables returns an error if a type that the kick-off named has no table, or
// if none of all types has one.
func requireTables(request jobs.Request, tables map[string]source.Table) error {
	if request.Existing {
		for _, resourceType := range request.Types {
			_, found := tables[resourceType]
			associated := resourceType == provenanceType && request.Associated != jobs.NoneAssociated
			if !found && !associated {
				return &source.TableError{Type: resourceType, Err: source.ErrNoTable}
			}
		}
	}
	if len(exportedTables(request, tables)) == 0 {
		return source.ErrNoTable
	}
	return nil
}

// planScans says what is to be read, one scan for each table, as the snapshot
// finds it.
func planScans(ctx context.Context, wanted selection, snapshot *source.Snapshot, tables []source.Table, targets targets) ([]reading, error) {
	request := wanted.request
	scans := make([]reading, len(tables))
	for i, table := range tables {
		scan := source.Scan{
			Table:         table,
			CreatedAfter:  request.CreatedAfter,
			ChangedAfter:  request.ChangedAfter,
			ChangedBefore: request.ChangedBefore,
		}
		if table.Type == provenanceType {
			scan = planProvenance(request, scan)
		}
		var err error
		if scan.Only, err = wanted.of(table.Type, targets); err != nil {
			return nil, err
		}
		if scan.Table, err = snapshot.PlanIndexes(ctx, scan); err != nil {
			return nil, &source.TableError{Type: table.Type, Err: err}
		}
		scans[i].Scan = scan
		if table.Type == provenanceType {
			scans[i].Targets = targets
		}
	}
	return scans, nil
}
