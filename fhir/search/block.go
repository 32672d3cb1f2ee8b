package search

// References writes what puts a resource of a type into compartments: an array of
// jsonb objects whose members id are those of the patients. alias is what the SQL
// calls its row. A patient is in its own compartment.
func References(resourceType, alias string) string {
	if !InCompartment(resourceType) {
		return "'[]'::jsonb"
	}
	return "(SELECT coalesce(jsonb_agg(jsonb_build_object('id', patient.id)), '[]') FROM " + referencesSQL(resourceType, alias) +
		" CROSS JOIN LATERAL (SELECT " + patientSQL + ") AS patient (id) WHERE patient.id IS NOT NULL)"
}
