package search

import (
	"github.com/seed-90096f4d/sluice/fhir/search/params"
	"github.com/seed-90096f4d/sluice/sqltext"
)

// maxLookups is the maximum number of patients whose resources are looked up
// individually in an index on the documents. A thousand take about 40 ms for a type. For
// more patients, all documents are read.
const maxLookups = 1000

// Patients selects the compartments of patients. The zero value selects all
// compartments.
type Patients struct {
	// IDs, if not nil, are the ids of the patients.
	IDs []string

	// Group, if set, selects its members instead. They are determined by the statement
	// itself, under its snapshot.
	Group *Group
}

// InCompartment reports whether resources of a type can be in the compartment of a
// patient (R4, CompartmentDefinition). A Patient is in its own compartment.
func InCompartment(resourceType string) bool {
	return len(params.R4().PatientPaths(resourceType)) > 0
}

// Compartment returns the condition for the resources of a type that are in the
// compartment of one of the patients.
func (p Patients) Compartment(resourceType string) sqltext.Condition {
	switch {
	case !InCompartment(resourceType):
		return none
	case p.Group != nil:
		return sqltext.Condition{Where: p.where(resourceType)}
	case p.IDs == nil:
		return anyPatient(resourceType)
	case len(p.IDs) == 0:
		return none
	}
	found := sqltext.Condition{Where: p.where(resourceType)}
	if len(p.IDs) <= maxLookups {
		found.Lookup = p.lookup(resourceType)
	}
	return found
}

// none matches no rows.
var none = sqltext.Condition{Where: never, Lookup: lookupBy(never)}

// anyPatient matches the resources that refer to any patient. Nearly all do, mostly in
// the same form, which is tried first. It has no lookup.
func anyPatient(resourceType string) sqltext.Condition {
	if resourceType == "Patient" {
		return sqltext.Condition{}
	}
	var usual []predicate
	for _, path := range params.R4().PatientPaths(resourceType) {
		usual = append(usual, matches(path, usualPatient, nil))
	}
	return sqltext.Condition{Where: sqltext.New("{usual} OR {others}", sqltext.Values{
		"usual":  rootAt(either(usual), "r.resource"),
		"others": Patients{}.where(resourceType),
	})}
}

// where matches the resources that refer to one of the patients. The set of patients is
// evaluated once, and hashed, before the first row.
func (p Patients) where(resourceType string) sqltext.Fragment {
	return sqltext.New("EXISTS (SELECT FROM {references} WHERE {matches})", sqltext.Values{
		"references": patientReferences(resourceType, "r"),
		"matches":    p.contain(patientSQL),
	})
}

// contain matches if an expression is the id of one of the patients.
func (p Patients) contain(id sqltext.Fragment) sqltext.Fragment {
	switch {
	case p.Group != nil:
		return isIn(id, p.Group.patients())
	case p.IDs == nil:
		return sqltext.New("{id} IS NOT NULL", sqltext.Values{"id": id})
	}
	return sqltext.New("{id} = ANY ({ids})", sqltext.Values{"id": id, "ids": textArray(p.IDs)})
}

// isIn matches if an expression is in the set of texts that a SELECT returns. The planner
// takes an array for small, however large it is, so that it is always hashed. IS TRUE
// prevents that it is joined instead, row by row.
func isIn(expression, set sqltext.Fragment) sqltext.Fragment {
	return sqltext.New("({expression} IN (SELECT unnest(ARRAY({set})))) IS TRUE", sqltext.Values{"expression": expression, "set": set})
}

const (
	lookupSQL = `SELECT r.ctid FROM unnest({ids}) AS patient (id)
CROSS JOIN LATERAL (SELECT r.ctid FROM {rows} AS r WHERE {refers} OFFSET 0) AS r
UNION ALL SELECT r.ctid FROM {rows} AS r WHERE {versions}`

	lookupPatientsSQL = `
UNION ALL SELECT r.ctid FROM {rows} AS r WHERE r.id = ANY ({ids})`
)

// lookup selects the resources of a type by indexes on the documents.
func (p Patients) lookup(resourceType string) sqltext.Fragment {
	template := lookupSQL
	if resourceType == "Patient" {
		template += lookupPatientsSQL
	}
	refers := mayReferTo(params.R4().PatientPaths(resourceType), "Patient", sqltext.Text("patient.id"))
	return sqltext.New(template, sqltext.Values{
		"ids":      textArray(p.IDs),
		"refers":   rootAt(refers, "r.resource"),
		"versions": rootAt(mayHaveVersion, "r.resource"),
	})
}

// patientSQL is the id of the patient that the reference v refers to, or null.
var patientSQL = targetOfType("reference.v", "Patient")

// patientReferences returns, as an item of a FROM, the references v of a resource to the
// patients in whose compartments it is. alias is the alias of its row. A Patient has one
// to itself.
func patientReferences(resourceType, alias string) sqltext.Fragment {
	lists := referenceLists(params.R4().PatientPaths(resourceType))
	if resourceType == "Patient" {
		self := sqltext.Text("jsonb_build_array(jsonb_build_object('resourceType', 'Patient', 'id', " + alias + ".id))")
		lists = append(lists, self)
	}
	return rootAt(referencesIn(lists), alias+".resource")
}

// CompartmentTypes returns the resource types that can be in the compartment of a
// patient, sorted.
func CompartmentTypes() []string { return params.R4().CompartmentTypes() }

const compartmentsSQL = `(SELECT coalesce(jsonb_agg(jsonb_build_object('id', patient.id)), '[]') FROM {references}
	CROSS JOIN LATERAL (SELECT {patient}) AS patient (id) WHERE patient.id IS NOT NULL)`

// References returns the patients in whose compartments a resource of a type is, as a
// jsonb array of objects with the member id. alias is the alias of its row. A Patient is
// in its own compartment.
func References(resourceType, alias string) sqltext.Fragment {
	if !InCompartment(resourceType) {
		return sqltext.Text("'[]'::jsonb")
	}
	return sqltext.New(compartmentsSQL, sqltext.Values{"references": patientReferences(resourceType, alias), "patient": patientSQL})
}
