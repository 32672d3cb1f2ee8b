package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
)

const (
	groupType      = "Group"
	provenanceType = "Provenance"
)

// LockTables locks the tables that the export reads for as long as the snapshot is
// held, and returns them by type. Tables of optionalTypes that cannot be read are left
// out. The error is catalog.ErrRewritten if a table was rewritten after the snapshot was
// taken.
func LockTables(ctx context.Context, request jobs.Request, snapshot *source.Snapshot) (map[string]catalog.Table, error) {
	locked, err := snapshot.Tables(ctx, request.Types, optionalTypes(request)...)
	if err != nil {
		return nil, err
	}
	tables := make(map[string]catalog.Table, len(locked))
	for _, table := range locked {
		tables[table.Type] = table
	}
	return tables, nil
}

// optionalTypes returns the types whose tables are not exported but affect what is:
// the targets of Provenance, Group, and Aidbox's attributes.
func optionalTypes(request jobs.Request) []string {
	types := slices.Clone(targetTypes(request))
	if request.Level == jobs.GroupLevel {
		types = append(types, groupType)
	}
	if request.FHIR || request.Tables != nil {
		types = append(types, ndjson.AttributeType)
	}
	return slices.DeleteFunc(types, func(resourceType string) bool { return slices.Contains(request.Types, resourceType) })
}

// exportedTables returns the tables of the exported types, sorted by type.
func exportedTables(request jobs.Request, tables map[string]catalog.Table) []catalog.Table {
	var exported []catalog.Table
	for _, resourceType := range slices.Compact(slices.Sorted(slices.Values(request.Types))) {
		if table, ok := tables[resourceType]; ok {
			exported = append(exported, table)
		}
	}
	return exported
}

// requireTables returns an error if a type that the kick-off names has no table, or
// if no type of resources to export has one. A view of a type without a table has no rows.
func requireTables(request jobs.Request, tables map[string]catalog.Table) error {
	if request.Existing {
		for _, resourceType := range request.Types {
			_, found := tables[resourceType]
			associated := resourceType == provenanceType && request.Associated != jobs.NoneAssociated
			if !found && !associated {
				return &catalog.TableError{Type: resourceType, Err: catalog.ErrNoTable}
			}
		}
	}
	if request.Tables == nil && len(exportedTables(request, tables)) == 0 {
		return catalog.ErrNoTable
	}
	return nil
}

// incomplete returns a warning about something that the export lacks.
func incomplete(text string) jobs.Warning { return jobs.Warning{Code: "incomplete", Text: text} }

// findOmissions returns warnings about what the export lacks because optional tables
// cannot be read.
func findOmissions(ctx context.Context, from *source.Source, request jobs.Request) (warnings []jobs.Warning, err error) {
	optional := optionalTypes(request)
	faults, err := from.Faults(ctx, optional)
	if err != nil {
		return nil, err
	}
	var unknown []string
	for _, resourceType := range slices.Compact(slices.Sorted(slices.Values(optional))) {
		fault := faults[resourceType]
		if fault == nil || errors.Is(fault, catalog.ErrNoTable) {
			continue
		}
		if resourceType == ndjson.AttributeType {
			warnings = append(warnings, incomplete(fmt.Sprintf("first-class extensions are exported as they are stored: %s", fault)))
		}
		if slices.Contains(targetTypes(request), resourceType) {
			unknown = append(unknown, fmt.Sprintf("%s (%s)", resourceType, fault))
		}
	}
	if len(unknown) > 0 {
		warnings = append(warnings, incomplete("Provenance of resources of these types may be missing: "+strings.Join(unknown, ", ")))
	}
	return warnings, nil
}

// Referenced names tables that the conditions of a part refer to, apart from the
// table that it reads, as SQL reads from them. It is stored with the part.
type Referenced struct {
	// Group is the table of Group, in an export at group level.
	Group string `json:",omitempty"`

	// Targets are the tables of the resources that Provenance can refer to, and that
	// of Provenance, by type. It is nil where Provenance is exported like any other
	// type.
	Targets map[string]string `json:",omitempty"`
}

// referencedTables returns the referenced tables of the export.
func referencedTables(request jobs.Request, tables map[string]catalog.Table) Referenced {
	var referenced Referenced
	if table, ok := tables[groupType]; ok && request.Level == jobs.GroupLevel {
		referenced.Group = table.Quoted()
	}
	for _, resourceType := range targetTypes(request) {
		if referenced.Targets == nil {
			referenced.Targets = map[string]string{}
		}
		if table, ok := tables[resourceType]; ok {
			referenced.Targets[resourceType] = table.Quoted()
		}
	}
	return referenced
}

// forType returns the tables that the condition of one type refers to.
func (r Referenced) forType(resourceType string) Referenced {
	if resourceType != provenanceType {
		r.Targets = nil
	}
	return r
}
