package search

import (
	"strings"

	"github.com/seed-90096f4d/sluice/fhir"
)

// patientSQL is the id of the patient that the reference v leads to, or null.
var patientSQL = targetOfType("reference.v", "Patient")

// referencesSQL are the references v of a resource, whose row the SQL calls by the
// alias, that can lead to the patients in whose compartments it is; of a patient,
// there is one to itself.
func referencesSQL(resourceType, alias string) string {
	lists := referenceLists(alias+".resource", fhir.R4Search().PatientPaths(resourceType))
	if resourceType == "Patient" {
		lists = append(lists, "jsonb_build_array(jsonb_build_object('resourceType', 'Patient', 'id', "+alias+".id))")
	}
	return "jsonb_array_elements(" + strings.Join(lists, " || ") + ") AS reference (v)"
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
