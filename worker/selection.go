package worker

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/seed-90096f4d/sluice/fhir/search"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/sqltext"
)

// selection says which resources an export has.
type selection struct {
	request jobs.Request

	// patients are those in whose compartments the resources are, at another level
	// than the system's.
	patients search.Patients
}

// newSelection is for a request, of which members are the patients that the plan
// has found, if any, and at is the transaction time: members of a group are those
// of that time. tables has that of groups.
func newSelection(request jobs.Request, members []string, at time.Time, tables map[string]source.Table) selection {
	s := selection{request: request}
	switch {
	case members != nil:
		s.patients.IDs = members
	case len(request.Patients) > 0:
		s.patients.IDs = request.Patients
	case request.Level == jobs.GroupLevel:
		s.patients.Group = groupOf(request, at, tables)
	}
	return s
}

const (
	groupType   = "Group"
	patientType = "Patient"
)

// decidingTypes returns the types whose tables decide whose resources a request is
// for.
func decidingTypes(request jobs.Request) []string {
	if request.Level == jobs.GroupLevel {
		return []string{groupType}
	}
	return nil
}

// groupOf is the group whose members' resources are wanted.
func groupOf(request jobs.Request, at time.Time, tables map[string]source.Table) *search.Group {
	return &search.Group{ID: request.Group, Table: tables[groupType].Quoted(), At: at}
}

// ofSome tells whether only some patients' resources are wanted.
func (s selection) ofSome() bool {
	return s.patients.IDs != nil || s.patients.Group != nil
}

// of is what is wanted of the resources of a type, apart from when they were
// changed: whose they are, and what the filters say. The targets are those of
// Provenance.
func (s selection) of(resourceType string, targets targets) (sqltext.Condition, error) {
	filters, err := s.filters(resourceType)
	if err != nil {
		return sqltext.Condition{}, err
	}
	whose := s.whose(resourceType)
	if resourceType == provenanceType && targets != nil {
		about, err := s.about(targets)
		if err != nil {
			return sqltext.Condition{}, err
		}
		whose = about.Condition()
	}
	return search.All(whose, filters), nil
}

// ofDeleted is what is wanted of the versions of deleted resources of a type: all
// where all patients' resources are, since to say too much of what is gone does no
// harm.
func (s selection) ofDeleted(resourceType string, targets targets) sqltext.Condition {
	switch {
	case !s.ofSome():
		return sqltext.Condition{}
	case resourceType == provenanceType:
		return s.aboutAny(targets).Condition()
	}
	return s.whose(resourceType)
}

// whose says whose resources of a type are wanted.
func (s selection) whose(resourceType string) sqltext.Condition {
	if s.request.Level == jobs.SystemLevel {
		return sqltext.Condition{}
	}
	return s.patients.Compartment(resourceType)
}

// filters are those of the kick-off for a type.
func (s selection) filters(resourceType string) (sqltext.Condition, error) {
	var filters []search.Filter
	for _, query := range s.request.Filters[resourceType] {
		filter, err := search.Parse(resourceType, query)
		if err != nil { // the kick-off was checked
			return sqltext.Condition{}, fmt.Errorf("filter of %s: %w", resourceType, err)
		}
		filters = append(filters, filter)
	}
	return search.Any(filters...), nil
}

// targets are the tables, quoted, of the resources that Provenance can be about,
// by their types, and that of Provenance itself.
type targets map[string]string

// types are sorted, so that a statement is the same each time.
func (t targets) types() []string { return slices.Sorted(maps.Keys(t)) }
