package search

import (
	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/sqltext"
)

// patientSQL is the id of the patient that the reference v leads to, or null.
var patientSQL = targetOfType("reference.v", "Patient")

// patientReferences returns, as an item of a FROM, the references v of a resource that
// can lead to the patients in whose compartments it is. alias is what the SQL calls its
// row. A patient has one to itself.
func patientReferences(resourceType, alias string) sqltext.Fragment {
	lists := referenceLists(fhir.R4Search().PatientPaths(resourceType))
	if resourceType == "Patient" {
		self := sqltext.Text("jsonb_build_array(jsonb_build_object('resourceType', 'Patient', 'id', " + alias + ".id))")
		lists = append(lists, self)
	}
	return rootAt(referencesIn(lists), alias+".resource")
}

// CompartmentTypes returns the types of resources that can be in the compartment
// of a patient, sorted.
func CompartmentTypes() []string { return fhir.R4Search().CompartmentTypes() }

const compartmentsSQL = `(SELECT coalesce(jsonb_agg(jsonb_build_object('id', patient.id)), '[]') FROM {references}
	CROSS JOIN LATERAL (SELECT {patient}) AS patient (id) WHERE patient.id IS NOT NULL)`

// References returns the patients in whose compartments a resource of a type is: an
// array of jsonb objects whose members id are those of the patients. alias is what the
// SQL calls its row. A patient is in its own compartment.
func References(resourceType, alias string) sqltext.Fragment {
	if !InCompartment(resourceType) {
		return sqltext.Text("'[]'::jsonb")
	}
	return sqltext.New(compartmentsSQL, sqltext.Values{"references": patientReferences(resourceType, alias), "patient": patientSQL})
}
