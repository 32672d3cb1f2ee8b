package apitest

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// RequireAccepted checks the response to a kick-off and returns the export's id.
func RequireAccepted(t *testing.T, got Answer, baseURL string) uuid.UUID {
	t.Helper()
	require.Equal(t, http.StatusAccepted, got.StatusCode, got.Text)
	location := got.Header.Get("Content-Location")
	text, ok := strings.CutPrefix(location, baseURL+"/fhir/$export-status/")
	require.True(t, ok, location)
	id, err := uuid.Parse(text)
	require.NoError(t, err)

	require.Equal(t, "application/fhir+json", got.Header.Get("Content-Type"))
	var said Outcome
	require.NoError(t, json.Unmarshal([]byte(got.Text), &said))
	require.Equal(t, "OperationOutcome", said.ResourceType)
	require.Equal(t, "information", said.Issue[0].Severity)
	require.Contains(t, said.Issue[0].Diagnostics, location)
	return id
}

// KickOff sends a kick-off and returns the recorded export.
func (b *Bundle) KickOff(t *testing.T, target string, headers ...string) jobs.Export {
	t.Helper()
	id := RequireAccepted(t, b.Get(t, target, headers...), b.URL)
	export, err := b.Exports.Get(t.Context(), id)
	require.NoError(t, err)
	return export
}

// Count returns the result of a query for a number.
func (b *Bundle) Count(t *testing.T, sql string, args ...any) (n int) {
	t.Helper()
	require.NoError(t, b.DB.QueryRow(t.Context(), sql, args...).Scan(&n))
	return n
}

// Complete completes an export as a worker does, with one file of three patients and
// no file of Groups. It expires in a day.
func (b *Bundle) Complete(t *testing.T, id uuid.UUID) (content string) {
	t.Helper()
	content = strings.Repeat(`{"resourceType":"Patient","id":"pt-1"}`+"\n", 3)
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	_, err := writer.Write([]byte(content))
	require.NoError(t, err)
	require.NoError(t, writer.Close())
	key := id.String() + "/Patient.0001.ndjson.gz"
	sum := sha256.Sum256(packed.Bytes())
	object, err := b.Bucket.Upload(t.Context(), key, &packed)
	require.NoError(t, err)

	b.Exec(t, `INSERT INTO sluice.part (export_id, number, generation, resource_type, scan, object_key, job_id, state, bytes_planned)
		VALUES ($1, 1, 1, 'Patient', '{}', $2, 1, 'done', 1), ($1, 2, 1, 'Group', '{}', 'none', 2, 'done', 0)`, id, key)
	b.Exec(t, `INSERT INTO sluice.file (export_id, part_number, number, kind, resource_type, object_key, resources, plain_bytes, max_line_bytes, stored_bytes, sha256, etag)
		VALUES ($1, 1, 1, 'output', 'Patient', $2, 3, $3::bigint, $3::bigint / 3 - 1, $4, $5, $6)`, id, key, len(content), object.Size, sum[:], object.ETag)
	b.Exec(t, `UPDATE sluice.export SET state = 'completed', transaction_time = '2024-05-31 12:00:00.5+02',
		finished_at = now(), expires_at = now() + interval '1 day' WHERE id = $1`, id)
	return content
}

// Post sends a kick-off with a body.
func (b *Bundle) Post(t *testing.T, target, contentType, body string, headers ...string) Answer {
	t.Helper()
	if contentType != "" {
		headers = append(headers, "Content-Type", contentType)
	}
	return b.Do(t, b.RequestWithBody(t, http.MethodPost, target, body, headers...))
}

// RequestWithBody is Request with a body.
func (b *Bundle) RequestWithBody(t *testing.T, method, target, body string, headers ...string) *http.Request {
	t.Helper()
	return b.request(t, method, target, strings.NewReader(body), headers)
}

// TypeFHIR is the media type of FHIR in JSON.
const TypeFHIR = "application/fhir+json"

// Parameters returns a Parameters resource with these parameters, each a JSON object.
func Parameters(parameters ...string) string {
	return `{"resourceType":"Parameters","parameter":[` + strings.Join(parameters, ",") + `]}`
}

// StatusPath is the path of the status of exports, without their id.
const StatusPath = "/fhir/$export-status/"
