package plan

import (
	"context"
	"fmt"

	"github.com/seed-90096f4d/sluice/fhir/search"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
)

// maxStoredMembers is the maximum number of members of a Group whose ids are stored
// with the export. Its parts then look up the resources of these patients. The
// members of a larger Group are determined again by each part: a million of them
// take about a second.
const maxStoredMembers = 1000

// findMembers returns the ids of the members of the request's Group as the snapshot
// shows them: all, or those among the patients that the request names. It returns
// nil if the parts do not need them.
func findMembers(ctx context.Context, request jobs.Request, snapshot *source.Snapshot, tables map[string]catalog.Table) ([]string, error) {
	if request.Level != jobs.GroupLevel {
		return nil, nil
	}
	table, ok := tables[groupType]
	if !ok {
		return nil, fmt.Errorf("find the group: %w", catalog.ErrNoTable)
	}
	group := search.Group{ID: request.Group, Table: table.Quoted(), At: snapshot.TransactionTime}
	query := group.Patients(maxStoredMembers + 1)
	if len(request.Patients) > 0 {
		query = group.Members(request.Patients)
	}
	ids, err := snapshot.Lookup(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("find the members of the group: %w", err)
	}
	if len(request.Patients) == 0 && len(ids) > maxStoredMembers {
		return nil, nil
	}
	return ids, nil
}
