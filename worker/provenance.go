package worker

import (
	"slices"
	"time"

	"github.com/seed-90096f4d/sluice/fhir/search"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source"
)

const provenanceType = "Provenance"

// targetTypes are the types of resources that decide which Provenance an export
// has, or in which blocks: with includeAssociatedData those that are exported,
// without it, at another level than the system's or by patient, all that can be in
// a compartment, whether they are exported or not. There are none where Provenance
// is a type like others.
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

// findTargets are the targets among the tables; nil if there are none to look at.
func findTargets(request jobs.Request, tables map[string]source.Table) targets {
	var found targets
	for _, resourceType := range targetTypes(request) {
		if found == nil {
			found = targets{}
		}
		if table, ok := tables[resourceType]; ok {
			found[resourceType] = table.Quoted()
		}
	}
	return found
}

// about says which Provenance belongs to the export: with includeAssociatedData,
// what is about a resource that it has, all or the latest; without, what is about
// a resource in one of the compartments (Bulk Data 3.0.0, "Query Parameters").
func (s selection) about(targets targets) (search.Provenance, error) {
	if s.request.Associated == jobs.NoneAssociated {
		return s.aboutAny(targets), nil
	}
	var wanted search.Provenance
	if s.request.Level != jobs.SystemLevel {
		wanted.Whose = &s.patients
	}
	if s.request.Associated == jobs.LatestAssociated {
		wanted.Latest = targets[provenanceType]
	}
	changed := search.Changed(s.request.ChangedAfter, s.request.ChangedBefore)
	for _, resourceType := range targets.types() {
		if resourceType == provenanceType {
			continue
		}
		filters, err := s.filters(resourceType)
		if err != nil {
			return wanted, err
		}
		wanted.Targets = append(wanted.Targets, search.Target{
			Type: resourceType, Table: targets[resourceType], Only: search.All(filters, changed),
		})
	}
	return wanted, nil
}

// aboutAny means the Provenance about any resource in one of the compartments.
func (s selection) aboutAny(targets targets) search.Provenance {
	wanted := search.Provenance{Whose: &s.patients, Referred: true}
	for _, resourceType := range targets.types() {
		wanted.Targets = append(wanted.Targets, search.Target{Type: resourceType, Table: targets[resourceType]})
	}
	return wanted
}

// planProvenance makes the scan of Provenance that comes with other resources
// one that is not about when it was changed itself. Which is the latest is found
// by reading all of it: it is read in one go.
func planProvenance(request jobs.Request, scan source.Scan) source.Scan {
	if request.Associated == jobs.NoneAssociated {
		return scan
	}
	scan.CreatedAfter, scan.ChangedAfter, scan.ChangedBefore = time.Time{}, time.Time{}, time.Time{}
	if request.Associated == jobs.LatestAssociated {
		scan.Table.Members = slices.Clone(scan.Table.Members)
		for i := range scan.Table.Members {
			scan.Table.Members[i].Whole = true
		}
	}
	return scan
}
