package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/search"
	"github.com/seed-90096f4d/sluice/source"
)

// selection is what the request wants of the resources of a type, apart from
// when they were changed: whose they are, and what the filters say. Members of a
// group are those of the export's transaction time.
func selection(ctx context.Context, from *source.Source, request jobs.Request, resourceType string, at time.Time) (source.Condition, error) {
	whose, err := compartment(ctx, from, request, resourceType, at)
	if err != nil {
		return source.Condition{}, err
	}
	wanted, err := filtered(request, resourceType)
	if err != nil {
		return source.Condition{}, err
	}
	return source.Condition(search.All(whose, wanted).SQL()), nil
}

// filtered is what the filters say of the resources of a type.
func filtered(request jobs.Request, resourceType string) (search.Condition, error) {
	var filters []search.Filter
	for _, query := range request.Filters[resourceType] {
		filter, err := search.Parse(resourceType, query)
		if err != nil { // the kick-off was checked
			return search.Condition{}, fmt.Errorf("filter of %s: %w", resourceType, err)
		}
		filters = append(filters, filter)
	}
	return search.Any(filters...), nil
}

// compartment says whose resources are wanted.
func compartment(ctx context.Context, from *source.Source, request jobs.Request, resourceType string, at time.Time) (search.Condition, error) {
	switch {
	case request.Level == jobs.SystemLevel:
		return search.Condition{}, nil
	case len(request.Patients) > 0:
		return search.OfPatients(resourceType, request.Patients), nil
	case request.Level == jobs.PatientLevel:
		return search.AnyPatient(resourceType), nil
	}
	groups, err := from.Table(ctx, "Group")
	if err != nil {
		return search.Condition{}, fmt.Errorf("find the group: %w", err)
	}
	return search.OfGroup(resourceType, search.Group{ID: request.Group, Table: groups.Quoted(), At: at}), nil
}
