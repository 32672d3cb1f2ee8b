package worker

import (
	"cmp"
	"context"
	"slices"

	"github.com/seed-90096f4d/sluice/fhir/search"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/sqltext"
)

// maxBlocks is how many blocks a resource goes into at the most. A Group that
// lists a million patients would else be in each of a million blocks.
const maxBlocks = 1000

// compartments says which rows belong to which patients: those that the request
// asks for, of the types that can be in a compartment; patients first, then by
// type.
func (s selection) compartments(ctx context.Context, snapshot *source.Snapshot, tables []source.Table, targets targets) (source.KeyScan, error) {
	keyed := source.KeyScan{MaxKeys: maxBlocks, OnlyKeyed: s.request.Level != jobs.SystemLevel, Wanted: s.wantedPatients()}
	scans, err := s.compartmentScans(tables)
	if err != nil {
		return keyed, err
	}
	for _, scan := range scans {
		relations, err := scan.Table.Relations()
		if err != nil {
			return keyed, err
		}
		narrowed, err := snapshot.PlanIndexes(ctx, scan)
		if err != nil {
			return keyed, &source.TableError{Type: scan.Table.Type, Err: err}
		}
		k := source.KeyedRelation{Scan: scan, References: search.References(scan.Table.Type, "r")}
		switch scan.Table.Type {
		case patientType:
			k.First = sqltext.Text("k.id = k.key")
		case provenanceType:
			if k, err = s.provenanceBlocks(scan, targets); err != nil {
				return keyed, err
			}
		}
		for i, relation := range relations {
			k.Relation, k.Scan.Pages.ByLookup = relation, narrowed.Members[i].ByLookup
			keyed.Relations = append(keyed.Relations, k)
		}
	}
	return keyed, nil
}

// provenanceBlocks says which Provenance belongs to which patients: to those whom
// an export by type would give it to.
func (s selection) provenanceBlocks(scan source.Scan, targets targets) (source.KeyedRelation, error) {
	about, err := s.about(targets)
	if err != nil {
		return source.KeyedRelation{}, err
	}
	if s.request.Associated != jobs.NoneAssociated {
		scan = planProvenance(s.request, scan)
		scan.Only = about.Condition()
	}
	about.Whose = &search.Patients{} // in how many blocks it would be counts, too
	return source.KeyedRelation{Scan: scan, Keys: about.Keys()}, nil
}

// compartmentScans says what is wanted of the tables by times and filters; whose
// it is, only where few are wanted, whose resources an index may know. Provenance
// is whose its targets are.
func (s selection) compartmentScans(tables []source.Table) ([]source.Scan, error) {
	var scans []source.Scan
	for _, table := range tables {
		if !search.InCompartment(table.Type) {
			continue
		}
		wanted, err := s.filters(table.Type)
		if err != nil {
			return nil, err
		}
		if s.patients.IDs != nil && table.Type != provenanceType {
			if whose := search.All(s.whose(table.Type), wanted); !whose.Lookup.IsEmpty() {
				wanted = whose
			}
		}
		scans = append(scans, source.Scan{
			Table:         table,
			CreatedAfter:  s.request.CreatedAfter,
			ChangedAfter:  s.request.ChangedAfter,
			ChangedBefore: s.request.ChangedBefore,
			Only:          wanted,
		})
	}
	slices.SortStableFunc(scans, func(a, b source.Scan) int {
		if patientA, patientB := a.Table.Type == patientType, b.Table.Type == patientType; patientA != patientB {
			if patientA {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Table.Type, b.Table.Type)
	})
	return scans, nil
}

// wantedPatients returns a SELECT of the ids of the patients whose blocks are wanted. It
// is empty if all are.
func (s selection) wantedPatients() sqltext.Fragment {
	switch {
	case s.patients.IDs != nil:
		return search.IDs(s.patients.IDs)
	case s.patients.Group != nil:
		return s.patients.Group.Patients(0)
	}
	return sqltext.Fragment{}
}
