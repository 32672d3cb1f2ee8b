// Package params holds HL7's definitions of the search parameters of FHIR R4, with the
// elements that each searches, and of the compartment of a patient. It knows nothing of
// SQL.
package params
