package bypatient

import (
	"context"
	"slices"

	"github.com/seed-90096f4d/sluice/fhir/search"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/sqltext"
	"github.com/seed-90096f4d/sluice/worker/plan"
)

const (
	patientType    = "Patient"
	provenanceType = "Provenance"
)

// maxBlocks limits the patient blocks that contain a resource. Otherwise a Group of
// a million patients would be written a million times.
const maxBlocks = 1000

// compartments returns which rows belong to which patients: of the types that can be
// in a compartment, Patient first, then by name.
func compartments(ctx context.Context, scope *plan.Scope) (source.KeyScan, error) {
	selection := scope.Selection
	keyed := source.KeyScan{MaxKeys: maxBlocks, OnlyKeyed: selection.Request.Level != jobs.SystemLevel, Keys: selectedPatients(selection)}
	for _, table := range compartmentTables(scope.Tables) {
		relations, err := table.Relations()
		if err != nil {
			return keyed, err
		}
		k, err := keyedRelation(selection, table)
		if err != nil {
			return keyed, err
		}
		narrowed, err := scope.Snapshot.PlanIndexes(ctx, k.Scan)
		if err != nil {
			return keyed, &catalog.TableError{Type: table.Type, Err: err}
		}
		for i, relation := range relations {
			k.Relation, k.Scan.Pages.ByLookup = relation, narrowed.Members[i].ByLookup
			keyed.Relations = append(keyed.Relations, k)
		}
	}
	return keyed, nil
}

// compartmentTables returns the tables whose resources can be in a compartment,
// Patient first.
func compartmentTables(tables []catalog.Table) (sorted []catalog.Table) {
	for _, table := range tables {
		switch {
		case table.Type == patientType:
			sorted = slices.Insert(sorted, 0, table)
		case search.InCompartment(table.Type):
			sorted = append(sorted, table)
		}
	}
	return sorted
}

// keyedRelation returns which rows of a table to look at, by time and filter, and how
// they belong to patients. They are looked up by patient where an index can serve.
func keyedRelation(selection plan.Selection, table catalog.Table) (source.KeyedRelation, error) {
	if table.Type == provenanceType {
		return keyedProvenance(selection, table)
	}
	condition, err := selection.Filters(table.Type)
	if err != nil {
		return source.KeyedRelation{}, err
	}
	if selection.Patients.IDs != nil {
		if restricted := search.All(selection.Compartment(table.Type), condition); !restricted.Lookup.IsEmpty() {
			condition = restricted
		}
	}
	k := source.KeyedRelation{Scan: selection.ScanOnly(table, condition), References: search.References(table.Type, "r")}
	if table.Type == patientType {
		k.First = sqltext.Text("k.id = k.key")
	}
	return k, nil
}

// keyedProvenance is keyedRelation for Provenance, which belongs to the patients of
// the resources that it refers to.
func keyedProvenance(selection plan.Selection, table catalog.Table) (source.KeyedRelation, error) {
	provenance, err := selection.Provenance()
	if err != nil {
		return source.KeyedRelation{}, err
	}
	condition := provenance.Condition()
	if selection.Request.Associated == jobs.NoneAssociated {
		if condition, err = selection.Filters(table.Type); err != nil {
			return source.KeyedRelation{}, err
		}
	}
	provenance.Patients = &search.Patients{} // all of them count towards maxBlocks
	return source.KeyedRelation{Scan: selection.ScanOnly(table, condition), Keys: provenance.Keys()}, nil
}

// selectedPatients returns the query for the ids of the patients that have a block;
// without SQL, all have.
func selectedPatients(selection plan.Selection) sqltext.Fragment {
	switch patients := selection.Patients; {
	case patients.IDs != nil:
		return search.IDs(patients.IDs)
	case patients.Group != nil:
		return patients.Group.Patients(0)
	}
	return sqltext.Fragment{}
}
