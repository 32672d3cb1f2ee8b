package plan

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source"
)

// planDeletions plans parts that list the resources deleted from a table each, in an
// export of the changes since a time. A warning names the types of tables without a
// history, whose deletions are not known. If only the resources of some patients
// are exported, the versions in the history decide to whom a deleted resource
// belonged, so that a history without them does not suffice.
func planDeletions(_ context.Context, scope *Scope) ([]jobs.PlannedPart, []jobs.Warning, error) {
	var parts []jobs.PlannedPart
	var unlisted []string
	for _, table := range scope.Tables {
		fault := table.HistoryFault
		if scope.Selection.IsRestricted() {
			fault = table.VersionsFault
		}
		if fault != "" {
			unlisted = append(unlisted, fmt.Sprintf("%s (%s)", table.Type, fault))
			continue
		}
		table.Members = nil // the part reads all of them
		document, err := json.Marshal(tablePart{Table: table, Referenced: scope.Selection.referenced.forType(table.Type)})
		if err != nil {
			return nil, nil, fmt.Errorf("plan deletions of %s: %w", table.Type, err)
		}
		parts = append(parts, jobs.PlannedPart{
			Kind:         jobs.Deletions,
			ResourceType: table.Type,
			Scan:         document,
			ObjectKey:    ObjectKey(scope.Export.ID, "deleted/"+table.Type+".deleted", 1),
			Bytes:        table.HistoryBytes,
		})
	}
	if len(unlisted) == 0 {
		return parts, nil, nil
	}
	return parts, []jobs.Warning{incomplete("deleted resources of these types are not listed: " + strings.Join(unlisted, ", "))}, nil
}

// PartDeletions returns what a part of deletions reads.
func PartDeletions(part jobs.Part) (source.Deletions, error) {
	var planned tablePart
	if err := jobs.Decode(part.Scan, &planned); err != nil {
		return source.Deletions{}, err
	}
	return source.Deletions{
		Table:     planned.Table,
		After:     part.Request.ChangedAfter,
		Condition: partSelection(part, planned.Referenced).deletedCondition(part.ResourceType),
	}, nil
}
