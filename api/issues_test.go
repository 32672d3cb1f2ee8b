package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What $dump can't convert goes out as it is stored, and is counted for the
// operator; what the database describes as an extension becomes one.
func TestConversionIssues(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.aidbox(t, "Encounter", "Attribute")
	b.exec(t, `
		INSERT INTO encounter (id, txid, status, resource) VALUES
		('good', 1, 'created', '{"status": "planned", "ward": "b2"}'),
		('bad', 2, 'created', '{"status": "planned", "subject": {"id": "pt-1"}}')`)
	b.exec(t, `INSERT INTO attribute (id, txid, status, resource) VALUES ('Encounter.ward', 1, 'created',
		'{"path": ["ward"], "resource": {"id": "Encounter"}, "type": {"id": "string"}, "extensionUrl": "urn:ward"}')`)

	answer := b.get(t, "/Encounter/$dump?fhir=true")
	require.Equal(t, http.StatusOK, answer.StatusCode)
	require.Contains(t, answer.body, `"subject":{"id":"pt-1"}`)
	require.Contains(t, answer.body, `"extension":[{"url":"urn:ward","valueString":"b2"}]`)
	require.Eventually(t, func() bool { return strings.Contains(b.logs.String(), `"resources":2,"issues":1`) }, patience, tick)

	metrics := b.get(t, "/metrics")
	require.Equal(t, http.StatusOK, metrics.StatusCode)
	require.Contains(t, metrics.body, `sluice_dump_issues_total{resource_type="Encounter"} 1`)
	require.Contains(t, metrics.body, `sluice_dump_resources_total{resource_type="Encounter"} 2`)
}
