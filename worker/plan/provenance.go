package plan

import (
	"maps"
	"slices"

	"github.com/seed-90096f4d/sluice/fhir/search"
	"github.com/seed-90096f4d/sluice/jobs"
)

// targetTypes returns the types whose resources decide which Provenance is exported,
// or to which patients it belongs: with includeAssociatedData the exported types,
// otherwise, below system level and by patient, all types that can be in a
// compartment. It returns nil where Provenance is exported like any other type.
func targetTypes(request jobs.Request) []string {
	switch {
	case !slices.Contains(request.Types, provenanceType):
		return nil
	case request.Associated != jobs.NoneAssociated:
		return request.Types
	case request.Level != jobs.SystemLevel || request.OrganizeBy != "":
		return search.CompartmentTypes()
	}
	return nil
}

// Provenance selects the Provenance of the export: with includeAssociatedData, what
// refers to an exported resource, all or the latest; otherwise what refers to a
// resource in one of the compartments (Bulk Data 3.0.0, "Query Parameters").
func (s Selection) Provenance() (search.Provenance, error) {
	if s.Request.Associated == jobs.NoneAssociated {
		return s.compartmentProvenance(), nil
	}
	var selected search.Provenance
	if s.Request.Level != jobs.SystemLevel {
		selected.Patients = &s.Patients
	}
	if s.Request.Associated == jobs.LatestAssociated {
		selected.Latest = s.referenced.Targets[provenanceType]
	}
	changed := search.Changed(s.Request.ChangedAfter, s.Request.ChangedBefore)
	for _, resourceType := range s.referenced.targetTypes() {
		if resourceType == provenanceType {
			continue
		}
		filters, err := s.Filters(resourceType)
		if err != nil {
			return search.Provenance{}, err
		}
		selected.Targets = append(selected.Targets, search.Target{
			Type: resourceType, Table: s.referenced.Targets[resourceType], Only: search.All(filters, changed),
		})
	}
	return selected, nil
}

// compartmentProvenance selects the Provenance that refers to any resource in one of
// the compartments.
func (s Selection) compartmentProvenance() search.Provenance {
	selected := search.Provenance{Patients: &s.Patients, Referred: true}
	for _, resourceType := range s.referenced.targetTypes() {
		selected.Targets = append(selected.Targets, search.Target{Type: resourceType, Table: s.referenced.Targets[resourceType]})
	}
	return selected
}

// targetTypes returns the types of the targets, sorted, so that a statement is the
// same every time.
func (r Referenced) targetTypes() []string { return slices.Sorted(maps.Keys(r.Targets)) }
