package bulk_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api/apitest"
)

const locationReason = "table location cannot be read: column ts is of type timestamp without time zone, not timestamp with time zone"

// TestKickOffWithoutTable: what is named and has no table that can be read is
// rejected by name. A lenient client gets the rest and a warning.
func TestKickOffWithoutTable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Exec(t, apitest.UnusualTables)

	for query, test := range map[string]struct{ code, reason string }{
		"?_type=Practitioner,Schedule": {"not-found", "there is no table of the resource type Schedule"},
		"?_type=Task,Practitioner":     {"not-found", "there is no table of the resource type Task: table task cannot be read: it has no column txid"},
		"?_type=Practitioner,Location": {"not-supported", "Location cannot be exported: " + locationReason},
		"":                             {"not-supported", "Location cannot be exported: " + locationReason},
		"?_type=Practitioner,Schedule,Location,Slot": {"not-supported", "there is no table of the resource type Schedule; " +
			"there is no table of the resource type Slot; Location cannot be exported: " + locationReason},
	} {
		got := b.Get(t, "/fhir/$export"+query)
		apitest.RequireRefusal(t, got, http.StatusBadRequest, test.code, "_type")
		require.Contains(t, got.Text, test.reason, query)

		export := b.KickOff(t, "/fhir/$export"+query, "Prefer", "handling=lenient")
		require.Len(t, export.Request.Warnings, 1, query)
		require.Contains(t, export.Request.Warnings[0].Text, test.reason)
		require.Contains(t, export.Request.Types, "Practitioner")
		require.NotContains(t, export.Request.Types, "Location")
		require.Equal(t, query != "", export.Request.Existing)
	}
	require.Equal(t, http.StatusBadRequest, b.Get(t, "/fhir/$export?_type=Location", "Prefer", "handling=lenient").StatusCode)
	require.Empty(t, b.KickOff(t, "/fhir/$export?_type=Practitioner,Device").Request.Warnings)
}

// TestKickOffWithoutPrivileges: all tables that the role may not read are named in one
// response. A lenient client gets the rest, and one warning.
func TestKickOffWithoutPrivileges(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Aidbox(t, "Encounter", "Provenance", "Attribute")
	b.ReadAs(t, `patient, "group"`)

	const denied = "Encounter, Observation, Provenance cannot be exported: table encounter, table observation, table provenance cannot be read: " +
		"the database role of the server has no SELECT privilege on it"
	got := b.Get(t, "/fhir/$export")
	apitest.RequireRefusal(t, got, http.StatusBadRequest, "not-supported", "_type")
	require.Contains(t, got.Text, denied+"; to export the other types, name them in _type")
	got = b.Get(t, "/fhir/$export?_type=Patient,Provenance,Observation,Encounter")
	require.Contains(t, got.Text, "Provenance, Observation, Encounter cannot be exported")
	apitest.RequireRefusal(t, b.Get(t, "/fhir/$export?_type=Patient&includeAssociatedData=LatestProvenanceResources"), http.StatusBadRequest, "not-supported", "includeAssociatedData")

	export := b.KickOff(t, "/fhir/$export", "Prefer", "handling=lenient")
	require.Len(t, export.Request.Warnings, 1)
	require.Equal(t, denied, export.Request.Warnings[0].Text, "no advice to ask for what was asked for")
	require.NotContains(t, export.Request.Types, "Encounter")
	require.Empty(t, b.KickOff(t, "/fhir/$export?_type=Patient,Group").Request.Warnings)

	require.Equal(t, http.StatusOK, b.Get(t, "/Patient/$dump?fhir=true").StatusCode, "not even attribute can be read")
}

// TestKickOffWithoutAnyTable: there is nothing to export, and that is not an empty
// export.
func TestKickOffWithoutAnyTable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Exec(t, `DROP TABLE patient, observation, "group"`)
	for _, prefer := range []string{"handling=strict", "handling=lenient"} {
		got := b.Get(t, "/fhir/$export", "Prefer", prefer)
		apitest.RequireRefusal(t, got, http.StatusBadRequest, "not-found", "_type")
		require.Contains(t, got.Text, "there is no readable table of any resource type")
	}
}

// TestKickOffWithoutSource: the export waits for the source, the kick-off does not.
func TestKickOffWithoutSource(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Exec(t, apitest.UnusualTables)
	b.Source.Close()
	require.Equal(t, []string{"Location"}, b.KickOff(t, "/fhir/$export?_type=Location").Request.Types)
	require.Contains(t, b.Logs.String(), "could not check tables at kick-off")
}

// TestDumpOfUnusualTable: an unreadable table is distinguished from a missing one.
func TestDumpOfUnusualTable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Exec(t, apitest.UnusualTables)

	got := b.Get(t, "/Location/$dump")
	apitest.RequireRefusal(t, got, http.StatusInternalServerError, "exception", "")
	require.Contains(t, got.Text, locationReason)

	got = b.Get(t, "/Task/$dump")
	apitest.RequireRefusal(t, got, http.StatusNotFound, "not-found", "")
	require.Contains(t, got.Text, "it has no column txid")

	got = b.Get(t, "/Device/$dump")
	require.Equal(t, http.StatusOK, got.StatusCode)
	require.JSONEq(t, `{"id": "d0000000-0000-4000-8000-000000000001", "resourceType": "Device", "status": "active",
		"meta": {"versionId": 1, "lastUpdated": "2026-01-01T00:00:00.000000Z"}}`, got.Text)
}

// TestDumpOfMixedTable: a row that names another type does not make the table
// another's. The log names what was found.
func TestDumpOfMixedTable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Exec(t, `INSERT INTO patient (id, txid, resource_type, status, resource) VALUES ('p', 1, 'patient', 'created', '{}'), ('q', 1, 'Patient', 'created', '{}')`)

	got := b.Get(t, "/Patient/$dump")
	require.Equal(t, http.StatusOK, got.StatusCode, got.Text)
	require.Contains(t, got.Text, `{"id": "p", "meta"`)
	require.Contains(t, b.Logs.String(), `"msg":"rows name another resource type","type":"Patient","found":["patient"]`)
}

// TestDumpOfNullColumn: a row that lacks what a resource needs is named by its column.
func TestDumpOfNullColumn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Exec(t, `CREATE TABLE device (id text, txid bigint, ts timestamptz, resource jsonb); INSERT INTO device VALUES ('d', 1, now(), NULL)`)
	got := b.Get(t, "/Device/$dump")
	require.Equal(t, http.StatusInternalServerError, got.StatusCode)
	require.Contains(t, got.Text, `column resource of table \"public\".\"device\" is null in a row`)
}

// TestKickOffReusesCheck: a kick-off reuses a recent check of the tables that shows no
// fault of its types, but not one that does.
func TestKickOffReusesCheck(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Equal(t, http.StatusBadRequest, b.Get(t, "/fhir/$export?_type=Slot").StatusCode)
	b.Exec(t, `ALTER TABLE observation RENAME TO elsewhere`)
	b.Aidbox(t, "Slot")
	require.Equal(t, []string{"Observation"}, b.KickOff(t, "/fhir/$export?_type=Observation").Request.Types, "the export finds out")
	require.Equal(t, []string{"Slot"}, b.KickOff(t, "/fhir/$export?_type=Slot").Request.Types)
}
