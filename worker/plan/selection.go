package plan

import (
	"fmt"
	"time"

	"github.com/seed-90096f4d/sluice/fhir/search"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/sqltext"
)

// Selection describes which resources an export contains. The plan and each part
// build it from the same values, so that both read the same rows. Parts do not store
// the conditions as SQL: one filter is up to 10 kB of it, an export can have a hundred
// thousand parts, and parsing the filter again takes less than half a millisecond.
type Selection struct {
	Request jobs.Request

	// Patients are those whose compartments are exported, below system level.
	Patients search.Patients

	referenced Referenced
}

// newSelection returns the selection of a request. members are the patients that the
// plan has found, if any. at is the transaction time, at which the members of a Group
// are determined.
func newSelection(request jobs.Request, members []string, at time.Time, referenced Referenced) Selection {
	s := Selection{Request: request, referenced: referenced}
	switch {
	case members != nil:
		s.Patients.IDs = members
	case len(request.Patients) > 0:
		s.Patients.IDs = request.Patients
	case request.Level == jobs.GroupLevel:
		s.Patients.Group = &search.Group{ID: request.Group, Table: referenced.Group, At: at}
	}
	return s
}

// partSelection returns the selection of the export that the part belongs to.
func partSelection(part jobs.Part, referenced Referenced) Selection {
	return newSelection(part.Request, part.Members, part.TransactionTime, referenced)
}

// IsRestricted reports whether only the resources of some patients are exported.
func (s Selection) IsRestricted() bool {
	return s.Patients.IDs != nil || s.Patients.Group != nil
}

// Scan returns the scan that reads the selected rows of a table.
func (s Selection) Scan(table catalog.Table) (source.Scan, error) {
	condition, err := s.condition(table.Type)
	if err != nil {
		return source.Scan{}, err
	}
	return s.ScanOnly(table, condition), nil
}

// ScanOnly returns the scan that reads the rows of a table that meet the condition
// and were changed in the requested period. Provenance that is exported with the
// resources that it refers to is selected by their changes, not by its own.
func (s Selection) ScanOnly(table catalog.Table, condition sqltext.Condition) source.Scan {
	scan := source.Scan{Table: table, Condition: condition}
	if table.Type != provenanceType || s.Request.Associated == jobs.NoneAssociated {
		scan.CreatedAfter = s.Request.CreatedAfter
		scan.ChangedAfter = s.Request.ChangedAfter
		scan.ChangedBefore = s.Request.ChangedBefore
	}
	return scan
}

// condition selects the resources of a type by patient and by filter.
func (s Selection) condition(resourceType string) (sqltext.Condition, error) {
	filters, err := s.Filters(resourceType)
	if err != nil {
		return sqltext.Condition{}, err
	}
	if resourceType == provenanceType && s.referenced.Targets != nil {
		provenance, err := s.Provenance()
		return search.All(provenance.Condition(), filters), err
	}
	return search.All(s.Compartment(resourceType), filters), nil
}

// deletedCondition selects the deleted resources of a type by what is known of their
// versions. Without a restriction to patients it selects all of them: a deletion of
// a resource that the client does not have is harmless.
func (s Selection) deletedCondition(resourceType string) sqltext.Condition {
	switch {
	case !s.IsRestricted():
		return sqltext.Condition{}
	case resourceType == provenanceType:
		return s.compartmentProvenance().Condition()
	}
	return s.Compartment(resourceType)
}

// Compartment selects the resources of a type that are in the compartments of the
// selected patients; at system level, all.
func (s Selection) Compartment(resourceType string) sqltext.Condition {
	if s.Request.Level == jobs.SystemLevel {
		return sqltext.Condition{}
	}
	return s.Patients.Compartment(resourceType)
}

// Filters selects the resources of a type that match the kick-off's _typeFilter.
func (s Selection) Filters(resourceType string) (sqltext.Condition, error) {
	var filters []search.Filter
	for _, query := range s.Request.Filters[resourceType] {
		filter, err := search.Parse(resourceType, query)
		if err != nil { // the kick-off was checked
			return sqltext.Condition{}, fmt.Errorf("filter of %s: %w", resourceType, err)
		}
		filters = append(filters, filter)
	}
	return search.Any(filters...), nil
}
