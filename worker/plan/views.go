package plan

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source"
)

// maxPartViews is the maximum number of views of a part, each of which has an open file.
// Further views of a type are read in another pass.
const maxPartViews = 16

// viewsPart is the persisted plan of a part that reads a page range of a table for
// views.
type viewsPart struct {
	// Number is the position of the part among those of its views, from 1.
	Number int

	// Views are the names of the outputs.
	Views []string

	// Rows is the page range. It is nil if the table is empty or missing.
	Rows *tablePart `json:",omitempty"`
}

// planViews plans parts that read a page range of a table each, for all views of its
// type: several views cost one pass over the table.
func planViews(ctx context.Context, scope *Scope) ([]jobs.PlannedPart, []jobs.Warning, error) {
	byType, err := viewsByType(scope.Export.Request)
	if err != nil {
		return nil, nil, err
	}
	tables, err := scope.narrow(ctx)
	if err != nil {
		return nil, nil, err
	}
	target := scope.rangeSizes().Target(sumBytes(tables))
	ranges := map[string][]tablePart{}
	for _, table := range tables {
		ranges[table.Type] = tableParts(table, scope.Selection.referenced, target)
	}
	var parts []jobs.PlannedPart
	for _, resourceType := range slices.Sorted(maps.Keys(byType)) {
		for views := range slices.Chunk(byType[resourceType], maxPartViews) {
			planned, err := viewsParts(scope.Export, resourceType, views, ranges[resourceType])
			if err != nil {
				return nil, nil, err
			}
			parts = append(parts, planned...)
		}
	}
	return parts, nil, nil
}

// viewsByType returns the views by the type that they read, in the order of the request.
func viewsByType(request jobs.Request) (map[string][]jobs.View, error) {
	byType := map[string][]jobs.View{}
	for _, v := range request.Tables.Views {
		resourceType, err := v.ResourceType()
		if err == nil && !slices.Contains(request.Types, resourceType) {
			err = fmt.Errorf("view %s reads %s, which is not among the types of the export", v.Name, resourceType)
		}
		if err != nil { // the kick-off was checked
			return nil, fmt.Errorf("plan views: %w", err)
		}
		byType[resourceType] = append(byType[resourceType], v)
	}
	return byType, nil
}

// viewsParts returns the parts of views of one type: one for each range, and one without
// rows if there is no range.
func viewsParts(export jobs.Export, resourceType string, views []jobs.View, ranges []tablePart) ([]jobs.PlannedPart, error) {
	var names []string
	for _, v := range views {
		names = append(names, v.Name)
	}
	var parts []jobs.PlannedPart
	for number := 1; number <= max(len(ranges), 1); number++ {
		planned, bytes := viewsPart{Number: number, Views: names}, int64(0)
		if number <= len(ranges) {
			planned.Rows = &ranges[number-1]
			bytes = planned.Rows.Pages.Bytes
		}
		document, err := json.Marshal(planned)
		if err != nil {
			return nil, fmt.Errorf("plan views of %s: %w", resourceType, err)
		}
		parts = append(parts, jobs.PlannedPart{
			Kind:         jobs.Views,
			ResourceType: resourceType,
			Scan:         document,
			ObjectKey:    viewKey(export.ID, export.Request, views[0], number, 1),
			Bytes:        bytes,
		})
	}
	return parts, nil
}

// viewKey returns the key of the file-th file of an output in the number-th part of its
// views, both counted from 1: bp.0003.parquet, bp.0003-2.parquet and so on.
func viewKey(exportID uuid.UUID, request jobs.Request, view jobs.View, number, file int) string {
	var continued string
	if file > 1 {
		continued = fmt.Sprintf("-%d", file)
	}
	return fmt.Sprintf("%s/%s.%04d%s%s", exportID, view.FileName(), number, continued, request.Tables.FileSuffix())
}

// Views is what a part of views reads and writes.
type Views struct {
	// Outputs are the views, in the order of the request.
	Outputs []jobs.View

	// Scan reads the rows. It is nil if the table is empty or missing.
	Scan *source.Scan

	// IsFirst reports whether it is the first part of the outputs, in which each has a
	// file even without rows: so every output has a file.
	IsFirst bool

	part   jobs.Part
	number int
}

// PartViews returns what a part of views reads and writes.
func PartViews(part jobs.Part) (Views, error) {
	var planned viewsPart
	if err := jobs.Decode(part.Scan, &planned); err != nil {
		return Views{}, err
	}
	views := Views{IsFirst: planned.Number == 1, part: part, number: planned.Number}
	for _, v := range part.Request.Tables.Views {
		if slices.Contains(planned.Views, v.Name) {
			views.Outputs = append(views.Outputs, v)
		}
	}
	if planned.Rows == nil {
		return views, nil
	}
	scan, err := planned.Rows.scan(part)
	views.Scan = &scan
	return views, err
}

// Key returns the key of the file-th file of an output in the part, counted from 1.
func (v Views) Key(output jobs.View, file int) string {
	return viewKey(v.part.ExportID(), v.part.Request, output, v.number, file)
}
