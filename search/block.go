package search

import (
	"strings"
)

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

// TargetReferences is References of a Provenance: those of its own, and those of
// the resources it is about, in these tables, which have their names as SQL needs
// them by resource type.
func TargetReferences(alias string, tables map[string]string) string {
	own := References("Provenance", alias)
	var branches []string
	for _, resourceType := range CompartmentTypes() {
		table, ok := tables[resourceType]
		if !ok || resourceType == "Patient" || resourceType == "Provenance" {
			continue
		}
		branches = append(branches, "SELECT "+References(resourceType, "q")+" FROM "+table+" AS q"+
			" WHERE target.type = '"+resourceType+"' AND q.id = target.id")
	}
	if len(branches) == 0 {
		return own
	}
	return own + ` || coalesce((SELECT jsonb_agg(o.v) FROM jsonb_array_elements(jsonb_path_query_array(` + alias + `.resource, '$."target"[*]')) AS reference (v)
	CROSS JOIN LATERAL (SELECT ` + targetTypeSQL + ` AS type, ` + targetIDSQL + ` AS id) AS target
	CROSS JOIN LATERAL (` + strings.Join(branches, " UNION ALL ") + `) AS x(refs) CROSS JOIN LATERAL jsonb_array_elements(x.refs) AS o(v)), '[]')`
}
