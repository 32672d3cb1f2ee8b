package bench

import (
	"fmt"
	"strings"
)

// The views of the measures. Each has one row for each resource, so that rows can be
// counted.
var (
	observationView = viewOf(subject, "observation",
		column("id", "getResourceKey()", "id"),
		column("patient_id", "subject.getReferenceKey(Patient)", "id"),
		column("encounter_id", "encounter.getReferenceKey(Encounter)", "id"),
		column("status", "status", "code"),
		column("code", "code.coding.first().code", "code"),
		column("effective", "effective.ofType(dateTime)", "dateTime"),
		column("value", "value.ofType(Quantity).value", "decimal"),
		column("unit", "value.ofType(Quantity).unit", "string"))

	// observationSelect are the same columns in SQL.
	observationSelect = `SELECT id, resource #>> '{subject,id}' AS patient_id, resource #>> '{encounter,id}' AS encounter_id, resource ->> 'status' AS status,
  jsonb_path_query_first(resource, '\$.code.coding[0].code') #>> '{}' AS code, jsonb_path_query_first(resource, '\$.effective.dateTime') #>> '{}' AS effective,
  jsonb_path_query_first(resource, '\$.value.Quantity.value') #>> '{}' AS value, jsonb_path_query_first(resource, '\$.value.Quantity.unit') #>> '{}' AS unit FROM %s`

	// observationDuckDB are the same columns in DuckDB, of ndjson in FHIR format.
	observationDuckDB = `SELECT id, split_part(subject.reference, '/', 2) AS patient_id, split_part(encounter.reference, '/', 2) AS encounter_id, status,
  code.coding[1].code AS code, effectiveDateTime AS effective, valueQuantity.value AS value, valueQuantity.unit AS unit FROM read_json('%s', format = 'newline_delimited')`

	categoryView = viewOf(subject, "observation_category",
		column("id", "getResourceKey()", "id"),
		column("category", "category.first().coding.first().code", "code"),
		column("performer_id", "performer.first().getReferenceKey(Practitioner)", "id"),
		column("issued", "issued", "instant"))

	rangeView = viewOf(subject, "observation_range",
		column("id", "getResourceKey()", "id"),
		column("low", "referenceRange.first().low.value", "decimal"),
		column("high", "referenceRange.first().high.value", "decimal"),
		column("unit", "referenceRange.first().low.unit", "string"),
		column("interpretation", "interpretation.coding.code.first()", "code"))

	patientView = viewOf("Patient", "patient",
		column("id", "getResourceKey()", "id"),
		column("gender", "gender", "code"),
		column("birth_date", "birthDate", "date"),
		column("family", "name.where(use = 'official').family.first()", "string"),
		column("given", "name.where(use = 'official').given.join(' ')", "string"),
		column("city", "address.city.first()", "string"),
		column("postal_code", "address.postalCode.first()", "string"))

	encounterView = viewOf("Encounter", "encounter",
		column("id", "getResourceKey()", "id"),
		column("patient_id", "subject.getReferenceKey(Patient)", "id"),
		column("class", "class.code", "code"),
		column("type", "type.coding.code.first()", "code"),
		column("start", "period.start", "dateTime"),
		column("end", "period.end", "dateTime"),
		column("reason", "reasonCode.text.first()", "string"))
)

func column(name, path, fhirType string) string {
	return fmt.Sprintf(`{"name": %q, "path": %q, "type": %q}`, name, path, fhirType)
}

// tableView is a view.
type tableView struct{ name, resourceType, definition string }

// viewOf returns a view.
func viewOf(resourceType, name string, columns ...string) tableView {
	return tableView{name, resourceType, fmt.Sprintf(`{"resourceType": "ViewDefinition", "name": %q, "status": "active", "resource": %q, "select": [{"column": [%s]}]}`, name, resourceType, strings.Join(columns, ", "))}
}
