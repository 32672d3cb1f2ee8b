package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// unusualTables are a table that can be read, one that cannot, one that is read
// though its columns have other types, and one of something else.
const unusualTables = `
	CREATE TABLE practitioner (id text, txid bigint, ts timestamptz, resource jsonb);
	CREATE TABLE location (id text, txid bigint, ts timestamp, resource jsonb);
	CREATE TABLE device (id uuid, txid bigint, ts timestamptz, resource json);
	CREATE TABLE task (id serial, title text);
	INSERT INTO device VALUES ('d0000000-0000-4000-8000-000000000001', 1, '2026-01-01Z', '{"status": "active"}');`

const locationReason = "table location cannot be read: column ts is of type timestamp without time zone, not timestamp with time zone"

// TestKickOffWithoutTable: what is named and has no table that can be read is
// rejected by name. A lenient client gets the rest and a warning.
func TestKickOffWithoutTable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, unusualTables)

	for query, test := range map[string]struct{ code, reason string }{
		"?_type=Practitioner,Schedule": {"not-found", "there is no table of the resource type Schedule"},
		"?_type=Task,Practitioner":     {"not-found", "there is no table of the resource type Task: table task cannot be read: it has no column txid"},
		"?_type=Practitioner,Location": {"not-supported", "Location can't be exported: " + locationReason},
		"":                             {"not-supported", "Location can't be exported: " + locationReason},
	} {
		got := b.get(t, "/fhir/$export"+query)
		requireRefusal(t, got, http.StatusBadRequest, test.code, "_type")
		require.Contains(t, got.body, test.reason, query)

		export := b.kickOff(t, "/fhir/$export"+query, "Prefer", "handling=lenient")
		require.Len(t, export.Request.Warnings, 1, query)
		require.Contains(t, export.Request.Warnings[0].Text, test.reason)
		require.Contains(t, export.Request.Types, "Practitioner")
		require.NotContains(t, export.Request.Types, "Location")
		require.Equal(t, query != "", export.Request.Existing)
	}
	require.Equal(t, http.StatusBadRequest, b.get(t, "/fhir/$export?_type=Location", "Prefer", "handling=lenient").StatusCode)
	require.Empty(t, b.kickOff(t, "/fhir/$export?_type=Practitioner,Device").Request.Warnings)
}

// TestKickOffWithoutSource: the export waits for the source, the kick-off does not.
func TestKickOffWithoutSource(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, unusualTables)
	b.source.Close()
	require.Equal(t, []string{"Location"}, b.kickOff(t, "/fhir/$export?_type=Location").Request.Types)
	require.Contains(t, b.logs.String(), "tables not checked at kick-off")
}

// TestDumpOfUnusualTable: a table that cannot be read is told from one that is not
// there.
func TestDumpOfUnusualTable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, unusualTables)

	got := b.get(t, "/Location/$dump")
	requireRefusal(t, got, http.StatusInternalServerError, "exception", "")
	require.Contains(t, got.body, locationReason)

	got = b.get(t, "/Task/$dump")
	requireRefusal(t, got, http.StatusNotFound, "not-found", "")
	require.Contains(t, got.body, "it has no column txid")

	got = b.get(t, "/Device/$dump")
	require.Equal(t, http.StatusOK, got.StatusCode)
	require.JSONEq(t, `{"id": "d0000000-0000-4000-8000-000000000001", "resourceType": "Device", "status": "active",
		"meta": {"versionId": 1, "lastUpdated": "2026-01-01T00:00:00.000000Z"}}`, got.body)
}

// TestDumpOfMixedTable: a row that names another type does not make the table
// another's. The log names what was found.
func TestDumpOfMixedTable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, `INSERT INTO patient (id, txid, resource_type, status, resource) VALUES ('p', 1, 'patient', 'created', '{}'), ('q', 1, 'Patient', 'created', '{}')`)

	got := b.get(t, "/Patient/$dump")
	require.Equal(t, http.StatusOK, got.StatusCode, got.body)
	require.Contains(t, got.body, `{"id": "p", "meta"`)
	require.Contains(t, b.logs.String(), `"msg":"rows name another resource type","type":"Patient","found":["patient"]`)
}
