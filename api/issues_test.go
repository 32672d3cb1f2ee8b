package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api/apitest"
)

// What $dump can't convert goes out as it is stored, and is counted for the
// operator; what the database describes as an extension becomes one.
func TestConversionIssues(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Aidbox(t, "Encounter", "Attribute")
	b.Exec(t, `
		INSERT INTO encounter (id, txid, status, resource) VALUES
		('good', 1, 'created', '{"status": "planned", "ward": "b2"}'),
		('bad', 2, 'created', '{"status": "planned", "subject": {"id": "pt-1"}}')`)
	b.Exec(t, `INSERT INTO attribute (id, txid, status, resource) VALUES ('Encounter.ward', 1, 'created',
		'{"path": ["ward"], "resource": {"id": "Encounter"}, "type": {"id": "string"}, "extensionUrl": "urn:ward"}')`)

	got := b.Get(t, "/Encounter/$dump?fhir=true")
	require.Equal(t, http.StatusOK, got.StatusCode)
	require.Contains(t, got.Text, `"subject":{"id":"pt-1"}`)
	require.Contains(t, got.Text, `"extension":[{"url":"urn:ward","valueString":"b2"}]`)
	require.Eventually(t, func() bool { return strings.Contains(b.Logs.String(), `"resources":2,"issues":1`) }, apitest.Patience, apitest.Tick)

	metrics := b.Get(t, "/metrics")
	require.Equal(t, http.StatusOK, metrics.StatusCode)
	require.Contains(t, metrics.Text, `sluice_dump_issues_total{resource_type="Encounter"} 1`)
	require.Contains(t, metrics.Text, `sluice_dump_resources_total{resource_type="Encounter"} 2`)
}
