package sample

import (
	"fmt"
	"strings"
)

// documentedPatients are those that Aidbox's documentation of $dump shows; the
// third has an attribute of Aidbox's that FHIR does not know.
const documentedPatients = `{"resourceType":"Patient","id":"pt-1","meta":{"lastUpdated":"2021-06-10T08:26:10.707454Z"},"name":[{"given":["Alice"]}]}
{"resourceType":"Patient","id":"pt-2","meta":{"lastUpdated":"2021-06-10T08:26:10.707454Z"},"name":[{"given":["Bob"]}]}
{"resourceType":"Patient","id":"pt-3","meta":{"lastUpdated":"2021-06-10T08:26:10.707454Z"},"name":[{"given":["Charles"]}],"citizenship":[{"code":{"text":"ru"}}]}
`

// documentedSQL gives the documented patients the documented versions; those
// of all later resources are higher.
const documentedSQL = `
UPDATE patient SET txid = 480 + substr(id, 4)::bigint WHERE id IN ('pt-1', 'pt-2', 'pt-3');
SELECT setval('transaction_id_seq', 483);`

// Statements as Aidbox runs them. %[1]s is the table, %[2]s the id, %[3]s the
// time; a version that goes is copied to history, a deletion has a history row
// of its own.
const (
	keepSQL = `
INSERT INTO %[1]s_history SELECT * FROM %[1]s WHERE id = '%[2]s';`

	updateSQL = keepSQL + `
UPDATE %[1]s SET txid = nextval('transaction_id_seq'), ts = '%[3]s', status = 'updated',
  resource = jsonb_set(resource, '{active}', 'false') WHERE id = '%[2]s';`

	deleteSQL = keepSQL + `
INSERT INTO %[1]s_history (id, txid, ts, cts, resource_type, status, resource)
SELECT id, nextval('transaction_id_seq'), '%[3]s', cts, resource_type, 'deleted', resource FROM %[1]s WHERE id = '%[2]s';
DELETE FROM %[1]s WHERE id = '%[2]s';`

	recreateSQL = `
INSERT INTO %[1]s (id, txid, ts, cts, resource_type, status, resource)
SELECT id, nextval('transaction_id_seq'), '%[3]s', '%[3]s', resource_type, 'recreated', resource
FROM %[1]s_history WHERE id = '%[2]s' AND status = 'deleted';`
)

// changes is the SQL of what happened to the first resources of some types in
// the last days of 2025: a patient updated, an allergy deleted, an immunization
// deleted and created again. Nothing refers to the deleted one.
func changes(resources int) string {
	w := newWorld(resources)
	var sql strings.Builder
	for _, change := range []struct{ statements, resourceType, at string }{
		{updateSQL, "Patient", "2025-12-29T09:15:00.120034Z"},
		{deleteSQL, "AllergyIntolerance", "2025-12-29T10:40:12.5Z"},
		{deleteSQL, "Immunization", "2025-12-30T08:05:41.004Z"},
		{recreateSQL, "Immunization", "2025-12-30T08:21:07.930211Z"},
	} {
		fmt.Fprintf(&sql, change.statements, strings.ToLower(change.resourceType), w.id(change.resourceType, 0), change.at)
	}
	return sql.String()
}
