package apitest

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// Ward inserts three patients and a Group of two of them.
func (b *Bundle) Ward(t *testing.T) {
	t.Helper()
	b.Aidbox(t, "Patient", "Group")
	b.Exec(t, `INSERT INTO patient (id, txid, status, resource) SELECT 'pt-' || n, n, 'created', '{}' FROM generate_series(1, 3) AS n`)
	b.Exec(t, `INSERT INTO "group" (id, txid, status, resource) VALUES ('ward', 4, 'created', '{"type": "person", "actual": true, "name": "Ward",
		"member": [{"entity": {"resourceType": "Patient", "id": "pt-1"}}, {"entity": {"resourceType": "Patient", "id": "pt-2"}}]}')`)
}

// Hold runs the statement in a transaction, and returns a function that ends it.
func (b *Bundle) Hold(t *testing.T, lockSQL string) (release func()) {
	t.Helper()
	tx, err := b.DB.Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback(context.Background()) }) // the test's context is over
	_, err = tx.Exec(t.Context(), lockSQL)
	require.NoError(t, err)
	return func() { require.NoError(t, tx.Rollback(t.Context())) }
}

// Documented inserts the resources of Aidbox's documentation of $dump, and creates an
// empty table of Groups.
func (b *Bundle) Documented(t *testing.T) {
	t.Helper()
	b.Aidbox(t, "Patient", "Appointment", "Group")
	const insert = ` (id, txid, ts, cts, status, resource) SELECT id, txid, at, at, 'created', resource::jsonb
		FROM (VALUES ('2021-06-10 08:26:10.707454+00'::timestamptz)) AS moment (at), (VALUES `
	b.Exec(t, `INSERT INTO patient`+insert+`
		('pt-1', 481, '{"name": [{"given": ["Alice"]}]}'),
		('pt-2', 482, '{"name": [{"given": ["Bob"]}]}'),
		('pt-3', 483, '{"name": [{"given": ["Charles"]}], "citizenship": [{"code": {"text": "ru"}}]}')
	) AS sample (id, txid, resource)`)
	b.Exec(t, `INSERT INTO appointment`+insert+`
		('ap-1', 484, '{"status": "booked", "participant": [{"actor": {"id": "pt-1", "resourceType": "Patient"}, "status": "accepted"}]}')
	) AS sample (id, txid, resource)`)
}

// Gunzip decompresses with the standard library, which is not what compresses.
func Gunzip(t *testing.T, packed string) string {
	t.Helper()
	reader, err := gzip.NewReader(bytes.NewBufferString(packed))
	require.NoError(t, err)
	plain, err := io.ReadAll(reader)
	require.NoError(t, err)
	return string(plain)
}

// UnusualTables creates a readable table, an unreadable one, a readable one with columns
// of other types, and one that holds no resources.
const UnusualTables = `
	CREATE TABLE practitioner (id text, txid bigint, ts timestamptz, resource jsonb);
	CREATE TABLE location (id text, txid bigint, ts timestamp, resource jsonb);
	CREATE TABLE device (id uuid, txid bigint, ts timestamptz, resource json);
	CREATE TABLE task (id serial, title text);
	INSERT INTO device VALUES ('d0000000-0000-4000-8000-000000000001', 1, '2026-01-01Z', '{"status": "active"}');`

// AidboxLines are the lines of a $dump of Documented, by resource type.
var AidboxLines = map[string]string{
	"Patient": `{"id": "pt-1", "meta": {"createdAt": "2021-06-10T08:26:10.707454Z", "versionId": 481, "lastUpdated": "2021-06-10T08:26:10.707454Z"}, "name": [{"given": ["Alice"]}], "resourceType": "Patient"}
{"id": "pt-2", "meta": {"createdAt": "2021-06-10T08:26:10.707454Z", "versionId": 482, "lastUpdated": "2021-06-10T08:26:10.707454Z"}, "name": [{"given": ["Bob"]}], "resourceType": "Patient"}
{"id": "pt-3", "meta": {"createdAt": "2021-06-10T08:26:10.707454Z", "versionId": 483, "lastUpdated": "2021-06-10T08:26:10.707454Z"}, "name": [{"given": ["Charles"]}], "citizenship": [{"code": {"text": "ru"}}], "resourceType": "Patient"}
`,
	"Appointment": `{"id": "ap-1", "meta": {"createdAt": "2021-06-10T08:26:10.707454Z", "versionId": 484, "lastUpdated": "2021-06-10T08:26:10.707454Z"}, "status": "booked", "participant": [{"actor": {"id": "pt-1", "resourceType": "Patient"}, "status": "accepted"}], "resourceType": "Appointment"}
`,
	"Group": "",
}
