package worker

import (
	"context"
	"fmt"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source"
)

// keptMembers is of how many patients an export keeps the ids, so that its parts
// need not work out who is a member of the group, and can look their resources up.
// Of more, each part works them out: of a million in about a second.
const keptMembers = 1000

// findMembers returns the ids of the members of the request's group, as the
// snapshot shows them, if they are few, or of those that the request names; nil
// where the parts do not need them.
func findMembers(ctx context.Context, request jobs.Request, snapshot *source.Snapshot, tables map[string]source.Table) ([]string, error) {
	if request.Level != jobs.GroupLevel {
		return nil, nil
	}
	if _, ok := tables[groupType]; !ok {
		return nil, fmt.Errorf("find the group: %w", source.ErrNoTable)
	}
	group := groupOf(request, snapshot.TransactionTime, tables)
	query := group.Patients(keptMembers + 1)
	if len(request.Patients) > 0 {
		query = group.Members(request.Patients)
	}
	ids, err := snapshot.Lookup(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("find the members of the group: %w", err)
	}
	if len(request.Patients) == 0 && len(ids) > keptMembers {
		return nil, nil
	}
	return ids, nil
}
