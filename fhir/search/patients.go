package search

import (
	"strings"

	"github.com/seed-90096f4d/sluice/fhir"
)

// maxLookups is of how many patients resources are looked up one by one, where an
// index over the documents serves. A thousand take about 40 ms for a type; the
// documents of a set are read one after the other.
const maxLookups = 1000

// Patients says whose compartments are meant. The zero value means those of all
// patients.
type Patients struct {
	// IDs, if not nil, are the ids of the only patients who are meant.
	IDs []string

	// Group, if set, means its members instead. Who is one is seen by the statement
	// itself, under its own snapshot.
	Group *Group
}

// InCompartment says whether resources of a type can be in the compartment of a
// patient, as R4's CompartmentDefinition has it. Patients are in their own.
func InCompartment(resourceType string) bool {
	return len(fhir.R4Search().PatientPaths(resourceType)) > 0
}

// Compartment wants the resources of a type that are in the compartment of one of
// the patients; none of a type that can't be in one.
func (p Patients) Compartment(resourceType string) Condition {
	switch {
	case !InCompartment(resourceType):
		return none
	case p.Group != nil:
		return Condition{where: p.where(resourceType)}
	case p.IDs == nil:
		return anyPatient(resourceType)
	case len(p.IDs) == 0:
		return none
	}
	found := Condition{where: p.where(resourceType)}
	if len(p.IDs) <= maxLookups {
		found.lookup = func(args *arguments) string { return p.lookup(resourceType, args) }
	}
	return found
}

// none wants no row, and finds that by itself.
var none = Condition{
	where:  func(*arguments) string { return "false" },
	lookup: func(*arguments) string { return "SELECT r.ctid FROM {rows} AS r WHERE false" },
}

// anyPatient wants the resources that refer to any patient. Nearly every row does,
// and mostly in the same form, which is looked for first. No lookup is offered.
func anyPatient(resourceType string) Condition {
	if resourceType == "Patient" {
		return Condition{}
	}
	var usual []predicate
	for _, path := range fhir.R4Search().PatientPaths(resourceType) {
		usual = append(usual, matches(path, strings.ReplaceAll(usualOfType, "%t", "Patient"), nil))
	}
	others := Patients{}.where(resourceType)
	return Condition{where: func(args *arguments) string {
		return either(usual)("r.resource", args) + " OR " + others(args)
	}}
}

// where holds for the resources that refer to one of the patients. The set of
// them is worked out once, and hashed, before the first row.
func (p Patients) where(resourceType string) func(*arguments) string {
	return func(args *arguments) string {
		return "EXISTS (SELECT FROM " + referencesSQL(resourceType, "r") + " WHERE " + p.among(patientSQL, args) + ")"
	}
}

// among tells whether the id that an expression gives is that of one of the
// patients.
func (p Patients) among(id string, args *arguments) string {
	switch {
	case p.Group != nil:
		return isIn(id, p.Group.patients(args))
	case p.IDs == nil:
		return id + " IS NOT NULL"
	}
	return id + " = ANY (" + args.bind(textArray(p.IDs), "text[]") + ")"
}

// isIn tells whether an expression is in the set of texts that a SELECT returns.
// As a list, the set looks small to the planner, however large it is, so that it
// is always hashed; and IS TRUE keeps it from being joined instead, row by row.
func isIn(expression, set string) string {
	return "(" + expression + " IN (SELECT unnest(ARRAY(" + set + ")))) IS TRUE"
}

// lookup finds the resources of a type by indexes over the documents.
func (p Patients) lookup(resourceType string, args *arguments) string {
	ids := args.bind(textArray(p.IDs), "text[]")
	found := "SELECT r.ctid FROM unnest(" + ids + ") AS patient (id) CROSS JOIN LATERAL (SELECT r.ctid FROM {rows} AS r WHERE " +
		mayLeadTo("r.resource", fhir.R4Search().PatientPaths(resourceType), "Patient", "patient.id") + " OFFSET 0) AS r" +
		" UNION ALL SELECT r.ctid FROM {rows} AS r WHERE " + mayNameVersion("r.resource")
	if resourceType == "Patient" {
		found += " UNION ALL SELECT r.ctid FROM {rows} AS r WHERE r.id = ANY (" + ids + ")"
	}
	return found
}
