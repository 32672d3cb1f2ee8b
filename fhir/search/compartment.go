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

// CompartmentTypes returns the types of resources that can be in the compartment
// of a patient, sorted.
func CompartmentTypes() []string { return fhir.R4Search().CompartmentTypes() }
