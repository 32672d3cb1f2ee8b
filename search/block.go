package search

import (
	"strings"

	"github.com/seed-90096f4d/sluice/fhir"
)

// References writes what puts a resource of a type into compartments: an array of
// jsonb objects whose members id are those of the patients. alias is what the SQL
// calls its row. A patient is in its own compartment.
func References(resourceType, alias string) string {
	paths := fhir.R4Search().PatientPaths(resourceType)
	arrays := make([]string, len(paths), len(paths)+1)
	for i, path := range paths {
		arrays[i] = "jsonb_path_query_array(" + alias + ".resource, '" + jsonPath(path) + "')"
	}
	if resourceType == "Patient" {
		arrays = append(arrays, "jsonb_build_array(jsonb_build_object('id', "+alias+".id))")
	}
	if len(arrays) == 0 {
		return "'[]'::jsonb"
	}
	return strings.Join(arrays, " || ")
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
			" WHERE t.v ->> 'resourceType' = '"+resourceType+"' AND q.id = t.v ->> 'id'")
	}
	if len(branches) == 0 {
		return own
	}
	return own + ` || coalesce((SELECT jsonb_agg(o.v) FROM jsonb_array_elements(jsonb_path_query_array(` + alias + `.resource, '$."target"[*]')) AS t(v)
	CROSS JOIN LATERAL (` + strings.Join(branches, " UNION ALL ") + `) AS x(refs) CROSS JOIN LATERAL jsonb_array_elements(x.refs) AS o(v)), '[]')`
}
