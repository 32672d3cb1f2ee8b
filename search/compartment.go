package search

import (
	"slices"

	"github.com/seed-90096f4d/sluice/fhir"
)

// fewReferences is how many references OfPatients asks for one by one, so that
// an index over the documents serves. More are joined as a set.
const fewReferences = 64

// InCompartment says whether resources of a type can be in the compartment of a
// patient, as R4's CompartmentDefinition has it. Patients are in their own.
func InCompartment(resourceType string) bool {
	return len(fhir.R4Search().PatientPaths(resourceType)) > 0
}

// CompartmentTypes returns the types for which InCompartment holds, sorted.
func CompartmentTypes() []string { return fhir.R4Search().CompartmentTypes() }

// AnyPatient wants the resources of a type that are in the compartment of any
// patient; none of a type that can't be in one. Nearly every row is, which
// PostgreSQL can't know: it would guess one in a hundred, and look all of them
// up in an index over the documents. So none is offered to it.
func AnyPatient(resourceType string) Condition {
	if resourceType == "Patient" {
		return Condition{}
	}
	var found []predicate
	for _, path := range fhir.R4Search().PatientPaths(resourceType) {
		found = append(found, containsBelow(path, map[string]any{}))
	}
	return onResource(either(orNever(found)))
}

// OfPatients wants the resources of a type that are in the compartment of one
// of the patients with these ids.
func OfPatients(resourceType string, ids []string) Condition {
	paths := fhir.R4Search().PatientPaths(resourceType)
	if len(ids)*len(paths) > fewReferences {
		return joined(resourceType, func(args *arguments) string { return idList(ids, args) })
	}
	var found []predicate
	for _, id := range ids {
		found = append(found, references(resourceType, map[string]any{"id": id})...)
	}
	if resourceType == "Patient" && len(ids) > 0 {
		found = append(found, idIsOneOf(ids))
	}
	return onResource(either(orNever(found)))
}

// OfGroup wants the resources of a type that are in the compartment of a member
// of a Group. Who is a member is seen by the statement itself, under its own
// snapshot.
func OfGroup(resourceType string, group Group) Condition {
	return joined(resourceType, group.patients)
}

// references finds, on each path to a patient, references with these members.
func references(resourceType string, members map[string]any) []predicate {
	var found []predicate
	for _, path := range fhir.R4Search().PatientPaths(resourceType) {
		reference := map[string]any{}
		for name, value := range members {
			reference[name] = value
		}
		found = append(found, contains(path, reference))
	}
	return found
}

// joined wants the resources that refer to one of a set of patients: those of
// the column key of a SELECT.
func joined(resourceType string, patients func(*arguments) string) Condition {
	if !InCompartment(resourceType) {
		return onResource(never)
	}
	return Condition{keys: "jsonb_array_elements(" + References(resourceType, "r") + ") ->> 'id'", set: patients}
}

// onResource makes a predicate on the document of a row a condition.
func onResource(p predicate) Condition {
	return Condition{where: func(args *arguments) string { return p("r.resource", args) }}
}

// orNever is for an alternative of nothing.
func orNever(all []predicate) []predicate {
	if len(all) == 0 {
		return []predicate{never}
	}
	return slices.Clip(all)
}
