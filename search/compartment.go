package search

import (
	"slices"
	"strings"

	"github.com/seed-90096f4d/sluice/fhir"
)

// versionPattern is a reference to a version of a patient, as it stands in uri.
const versionPattern = `^Patient/[^/]+/_history/[^/]+$`

// patientSQL is the id of the patient that the reference v leads to, or null:
// {resourceType, id}, or {uri} for a version of one.
const patientSQL = `CASE WHEN reference.v ->> 'resourceType' = 'Patient' THEN reference.v ->> 'id'
	WHEN reference.v -> 'resourceType' IS NULL THEN substring(reference.v ->> 'uri' FROM '^Patient/([^/]+)/_history/[^/]+$') END`

// referencesSQL are the references v of a resource, whose row the SQL calls by the
// alias, that can lead to the patients in whose compartments it is; of a patient,
// there is one to itself.
func referencesSQL(resourceType, alias string) string {
	var lists []string
	for _, path := range fhir.R4Search().PatientPaths(resourceType) {
		lists = append(lists, "jsonb_path_query_array("+alias+".resource, '"+jsonPath(untyped(path))+"')")
	}
	if resourceType == "Patient" {
		lists = append(lists, "jsonb_build_array(jsonb_build_object('resourceType', 'Patient', 'id', "+alias+".id))")
	}
	return "jsonb_array_elements(" + strings.Join(lists, " || ") + ") AS reference (v)"
}

// untyped is a path to references of whatever type.
func untyped(path fhir.Path) fhir.Path {
	path = slices.Clone(path)
	path[len(path)-1].Target = ""
	return path
}

// nestSQL writes the document that has a value, given as an expression of type
// jsonb, where the path leads.
func nestSQL(path fhir.Path, value string) string {
	if len(path) == 0 {
		return value
	}
	step := path[0]
	inner := nestSQL(path[1:], value)
	if step.Member != "" {
		inner = "jsonb_build_object('" + step.Member + "', '" + step.Value + "') || " + inner
	}
	if step.Many {
		inner = "jsonb_build_array(" + inner + ")"
	}
	return "jsonb_build_object('" + step.Name + "', " + inner + ")"
}

// CompartmentTypes returns the types of resources that can be in the compartment
// of a patient, sorted.
func CompartmentTypes() []string { return fhir.R4Search().CompartmentTypes() }
