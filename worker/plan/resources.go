package plan

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
)

// planResources plans parts that read a page range of a table each.
func planResources(ctx context.Context, scope *Scope) ([]jobs.PlannedPart, []jobs.Warning, error) {
	tables, err := scope.narrow(ctx)
	if err != nil {
		return nil, nil, err
	}
	parts, err := divide(scope.Export.ID, tables, scope.Selection.referenced, scope.rangeSizes())
	return parts, nil, err
}

// rangeSizes returns the sizes of parts that read a page range each.
func (scope *Scope) rangeSizes() Sizes {
	sizes := scope.Sizes
	if scope.Selection.Patients.Group != nil {
		sizes.floor = minGroupBytes
	}
	return sizes
}

// narrow returns the tables with the members and sizes that the selection's scans
// will read.
func (scope *Scope) narrow(ctx context.Context) ([]catalog.Table, error) {
	tables := make([]catalog.Table, len(scope.Tables))
	for i, table := range scope.Tables {
		if table.Type == provenanceType && scope.Export.Request.Associated == jobs.LatestAssociated {
			// Which Provenance of a resource is the latest shows only in all of them.
			table.Members = slices.Clone(table.Members)
			for i := range table.Members {
				table.Members[i].Unsplit = true
			}
		}
		scan, err := scope.Selection.Scan(table)
		if err != nil {
			return nil, err
		}
		if tables[i], err = scope.Snapshot.PlanIndexes(ctx, scan); err != nil {
			return nil, &catalog.TableError{Type: table.Type, Err: err}
		}
	}
	return tables, nil
}

// divide divides tables into parts. If the client asks for files of a minimum size, no
// part is too small for such a file, unless its table is.
func divide(exportID uuid.UUID, tables []catalog.Table, referenced Referenced, sizes Sizes) ([]jobs.PlannedPart, error) {
	target := max(sizes.Target(sumBytes(tables)), 2*sizes.min) // a range has at least half of the target
	var parts []jobs.PlannedPart
	for _, table := range tables {
		for i, planned := range tableParts(table, referenced, target) {
			document, err := json.Marshal(planned)
			if err != nil {
				return nil, fmt.Errorf("plan %s: %w", table.Type, err)
			}
			parts = append(parts, jobs.PlannedPart{
				ResourceType: table.Type,
				Scan:         document,
				ObjectKey:    ObjectKey(exportID, table.Type, i+1),
				Bytes:        planned.Pages.Bytes,
			})
		}
	}
	return parts, nil
}

func sumBytes(tables []catalog.Table) (total int64) {
	for _, table := range tables {
		total += table.Bytes
	}
	return total
}

// tableParts divides a table into page ranges of about the target size.
func tableParts(table catalog.Table, referenced Referenced, target int64) []tablePart {
	ranges := catalog.PageRanges(table, target)
	table.Members = nil // each range names its own
	parts := make([]tablePart, len(ranges))
	for i, pages := range ranges {
		parts[i] = tablePart{Table: table, Pages: pages, Referenced: referenced.forType(table.Type)}
	}
	return parts
}

// ResourcesScan returns the scan of a part of resources.
func ResourcesScan(part jobs.Part) (source.Scan, error) {
	var planned tablePart
	if err := jobs.Decode(part.Scan, &planned); err != nil {
		return source.Scan{}, err
	}
	return planned.scan(part)
}

// scan returns the scan of the part's page range.
func (t tablePart) scan(part jobs.Part) (source.Scan, error) {
	scan, err := partSelection(part, t.Referenced).Scan(t.Table)
	scan.Pages = t.Pages
	return scan, err
}
