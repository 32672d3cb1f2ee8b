// Package plan turns the request of an export into parts, under the snapshot that
// all of them will be read from: it locks the tables, finds the members of the
// Group, and divides the work.
//
// It must not know how parts become files, nor how jobs run.
package plan

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/google/uuid"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
)

// Planner plans exports.
type Planner struct {
	Source *source.Source
	Logger *slog.Logger

	// ByPatient plans the parts of exports that are organized by patient.
	ByPatient Kind

	// PartBytes is the maximum size of a part, in bytes of a table on disk.
	PartBytes int64

	// MaxFileBytes is the maximum size of a file, in bytes of ndjson before
	// compression.
	MaxFileBytes int64

	// Window is the maximum number of parts of an export that are queued or running.
	Window int
}

// Kind plans all parts of one kind. It returns the parts of the export, and warnings
// about what they lack.
type Kind func(ctx context.Context, scope *Scope) ([]jobs.PlannedPart, []jobs.Warning, error)

// Scope is what an export reads, as the snapshot shows it. Each Kind plans its parts
// from it.
type Scope struct {
	Export    jobs.Export
	Snapshot  *source.Snapshot
	Selection Selection

	// Tables are the tables of the exported types, sorted by type and locked.
	Tables []catalog.Table

	// Sizes bounds the sizes of the parts.
	Sizes Sizes
}

// Plan plans the parts of the export under the snapshot.
func (p *Planner) Plan(ctx context.Context, export jobs.Export, snapshot *source.Snapshot) (jobs.Plan, error) {
	tables, err := LockTables(ctx, export.Request, snapshot)
	if err != nil {
		return jobs.Plan{}, err
	}
	warnings, err := findOmissions(ctx, p.Source, export.Request)
	if err != nil {
		return jobs.Plan{}, err
	}
	if err := requireTables(export.Request, tables); err != nil {
		return jobs.Plan{}, fmt.Errorf("plan: %w", err)
	}
	members, err := findMembers(ctx, export.Request, snapshot, tables)
	if err != nil {
		return jobs.Plan{}, err
	}
	scope := &Scope{
		Export:    export,
		Snapshot:  snapshot,
		Selection: newSelection(export.Request, members, snapshot.TransactionTime, referencedTables(export.Request, tables)),
		Tables:    exportedTables(export.Request, tables),
		Sizes:     p.sizes(export.Request),
	}
	var parts []jobs.PlannedPart
	for _, kind := range p.kinds(export.Request) {
		planned, unlisted, err := kind(ctx, scope)
		if err != nil {
			return jobs.Plan{}, err
		}
		parts, warnings = append(parts, planned...), append(warnings, unlisted...)
	}
	for _, warning := range warnings {
		p.Logger.WarnContext(ctx, "export incomplete", "export", export.ID, "reason", warning.Text)
	}
	return jobs.Plan{
		Snapshot:        snapshot.ID,
		TransactionTime: snapshot.TransactionTime,
		Members:         members,
		Parts:           largestFirst(parts),
		Warnings:        warnings,
	}, nil
}

// kinds returns the kinds of parts that the export has.
func (p *Planner) kinds(request jobs.Request) []Kind {
	if request.Tables != nil {
		return []Kind{planViews} // tables of deleted resources have no rows
	}
	kinds := []Kind{planResources}
	if request.OrganizeBy != "" {
		kinds = []Kind{p.ByPatient}
	}
	if !request.ChangedAfter.IsZero() {
		kinds = append(kinds, planDeletions)
	}
	return kinds
}

// largestFirst sorts parts by descending size, so that the parts that run last,
// while other slots have no more work, are short.
func largestFirst(parts []jobs.PlannedPart) []jobs.PlannedPart {
	slices.SortStableFunc(parts, func(a, b jobs.PlannedPart) int { return cmp.Compare(b.Bytes, a.Bytes) })
	return parts
}

// FileSuffix ends the key of every file of ndjson.
const FileSuffix = ".ndjson.gz"

// ObjectKey returns the key of the first file of a part: the number-th part of that
// name, counted from 1.
func ObjectKey(exportID uuid.UUID, name string, number int) string {
	return fmt.Sprintf("%s/%s.%04d%s", exportID, name, number, FileSuffix)
}

// tablePart is the persisted plan of a part that reads a table.
type tablePart struct {
	Table      catalog.Table
	Pages      catalog.PageRange `json:",omitzero"` // not of deletions
	Referenced Referenced
}
