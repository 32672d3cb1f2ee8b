package api_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/fhir"
)

// documented puts the resources of Aidbox's documentation of $dump into their
// tables, and empty tables beside them.
func (b *testBundle) documented(t *testing.T) {
	t.Helper()
	b.aidbox(t, "Patient", "Appointment", "Group")
	const insert = ` (id, txid, ts, cts, status, resource) SELECT id, txid, at, at, 'created', resource::jsonb
		FROM (VALUES ('2021-06-10 08:26:10.707454+00'::timestamptz)) AS moment (at), (VALUES `
	b.exec(t, `INSERT INTO patient`+insert+`
		('pt-1', 481, '{"name": [{"given": ["Alice"]}]}'),
		('pt-2', 482, '{"name": [{"given": ["Bob"]}]}'),
		('pt-3', 483, '{"name": [{"given": ["Charles"]}], "citizenship": [{"code": {"text": "ru"}}]}')
	) AS sample (id, txid, resource)`)
	b.exec(t, `INSERT INTO appointment`+insert+`
		('ap-1', 484, '{"status": "booked", "participant": [{"actor": {"id": "pt-1", "resourceType": "Patient"}, "status": "accepted"}]}')
	) AS sample (id, txid, resource)`)
}

// The lines that the documentation gives, by resource type.
var (
	aidboxLines = map[string]string{
		"Patient": `{"id": "pt-1", "meta": {"createdAt": "2021-06-10T08:26:10.707454Z", "versionId": 481, "lastUpdated": "2021-06-10T08:26:10.707454Z"}, "name": [{"given": ["Alice"]}], "resourceType": "Patient"}
{"id": "pt-2", "meta": {"createdAt": "2021-06-10T08:26:10.707454Z", "versionId": 482, "lastUpdated": "2021-06-10T08:26:10.707454Z"}, "name": [{"given": ["Bob"]}], "resourceType": "Patient"}
{"id": "pt-3", "meta": {"createdAt": "2021-06-10T08:26:10.707454Z", "versionId": 483, "lastUpdated": "2021-06-10T08:26:10.707454Z"}, "name": [{"given": ["Charles"]}], "citizenship": [{"code": {"text": "ru"}}], "resourceType": "Patient"}
`,
		"Appointment": `{"id": "ap-1", "meta": {"createdAt": "2021-06-10T08:26:10.707454Z", "versionId": 484, "lastUpdated": "2021-06-10T08:26:10.707454Z"}, "status": "booked", "participant": [{"actor": {"id": "pt-1", "resourceType": "Patient"}, "status": "accepted"}], "resourceType": "Appointment"}
`,
		"Group": "",
	}
	fhirLines = map[string]string{
		"Patient": `{"id":"pt-1","meta":{"versionId":481,"lastUpdated":"2021-06-10T08:26:10.707454Z","extension":[{"url":"ex:createdAt","valueInstant":"2021-06-10T08:26:10.707454Z"}]},"name":[{"given":["Alice"]}],"resourceType":"Patient"}
{"id":"pt-2","meta":{"versionId":482,"lastUpdated":"2021-06-10T08:26:10.707454Z","extension":[{"url":"ex:createdAt","valueInstant":"2021-06-10T08:26:10.707454Z"}]},"name":[{"given":["Bob"]}],"resourceType":"Patient"}
{"id":"pt-3","meta":{"versionId":483,"lastUpdated":"2021-06-10T08:26:10.707454Z","extension":[{"url":"ex:createdAt","valueInstant":"2021-06-10T08:26:10.707454Z"}]},"name":[{"given":["Charles"]}],"citizenship":[{"code":{"text":"ru"}}],"resourceType":"Patient"}
`,
		"Appointment": `{"id":"ap-1","meta":{"versionId":484,"lastUpdated":"2021-06-10T08:26:10.707454Z","extension":[{"url":"ex:createdAt","valueInstant":"2021-06-10T08:26:10.707454Z"}]},"status":"booked","participant":[{"actor":{"reference":"Patient/pt-1"},"status":"accepted"}],"resourceType":"Appointment"}
`,
		"Group": "",
	}
)

func TestDocumentedBytes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.documented(t)

	for resourceType := range aidboxLines {
		for query, want := range map[string]string{
			"":            aidboxLines[resourceType],
			"?fhir=false": aidboxLines[resourceType],
			"?fhir=true":  fhirLines[resourceType],
		} {
			t.Run(resourceType+query, func(t *testing.T) {
				t.Parallel()
				got := b.get(t, "/"+resourceType+"/$dump"+query)
				require.Equal(t, want, got.body)
				requireDump(t, got)
				require.Empty(t, got.Header.Get("Content-Encoding"))
			})
			t.Run(resourceType+query+"&gzip", func(t *testing.T) {
				t.Parallel()
				got := b.get(t, "/"+resourceType+"/$dump"+query+map[bool]string{true: "?", false: "&"}[query == ""]+"gzip=true")
				require.Equal(t, want, gunzip(t, got.body))
				requireDump(t, got)
				require.Equal(t, "gzip", got.Header.Get("Content-Encoding"))
			})
		}
	}
}

func TestFormatSettings(t *testing.T) {
	t.Parallel()
	b := setup(t, func(config *api.Config) {
		config.Style = fhir.Style{VersionIDAsString: true, CreatedAtURL: "https://example.org/created-at"}
	})
	b.documented(t)

	t.Run("Aidbox", func(t *testing.T) {
		t.Parallel()
		want := strings.ReplaceAll(aidboxLines["Appointment"], `: 484,`, `: "484",`)
		require.Equal(t, want, b.get(t, "/Appointment/$dump").body)
	})
	t.Run("FHIR", func(t *testing.T) {
		t.Parallel()
		want := strings.NewReplacer(`:484,`, `:"484",`, "ex:createdAt", "https://example.org/created-at").Replace(fhirLines["Appointment"])
		require.Equal(t, want, b.get(t, "/Appointment/$dump?fhir=true").body)
	})
}

// requireDump checks what the head of every $dump says.
func requireDump(t *testing.T, got answer) {
	t.Helper()
	require.Equal(t, http.StatusOK, got.StatusCode)
	require.Equal(t, "application/ndjson", got.Header.Get("Content-Type"))
	require.Equal(t, []string{"chunked"}, got.TransferEncoding)
	require.EqualValues(t, -1, got.ContentLength, "no Content-Length")
	require.Equal(t, "no-store", got.Header.Get("Cache-Control"))
}

// gunzip unpacks with the standard library, which is not what packs.
func gunzip(t *testing.T, packed string) string {
	t.Helper()
	reader, err := gzip.NewReader(bytes.NewBufferString(packed))
	require.NoError(t, err)
	plain, err := io.ReadAll(reader)
	require.NoError(t, err)
	return string(plain)
}
