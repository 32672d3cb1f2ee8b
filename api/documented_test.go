package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/api/apitest"
	"github.com/seed-90096f4d/sluice/fhir"
)

// The lines of the documentation, by resource type.
var (
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
	b.Documented(t)

	for resourceType := range apitest.AidboxLines {
		for query, want := range map[string]string{
			"":            apitest.AidboxLines[resourceType],
			"?fhir=false": apitest.AidboxLines[resourceType],
			"?fhir=true":  fhirLines[resourceType],
		} {
			t.Run(resourceType+query, func(t *testing.T) {
				t.Parallel()
				got := b.Get(t, "/"+resourceType+"/$dump"+query)
				require.Equal(t, want, got.Text)
				requireDump(t, got)
				require.Empty(t, got.Header.Get("Content-Encoding"))
			})
			t.Run(resourceType+query+"&gzip", func(t *testing.T) {
				t.Parallel()
				got := b.Get(t, "/"+resourceType+"/$dump"+query+map[bool]string{true: "?", false: "&"}[query == ""]+"gzip=true")
				require.Equal(t, want, apitest.Gunzip(t, got.Text))
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
	b.Documented(t)

	t.Run("Aidbox", func(t *testing.T) {
		t.Parallel()
		want := strings.ReplaceAll(apitest.AidboxLines["Appointment"], `: 484,`, `: "484",`)
		require.Equal(t, want, b.Get(t, "/Appointment/$dump").Text)
	})
	t.Run("FHIR", func(t *testing.T) {
		t.Parallel()
		want := strings.NewReplacer(`:484,`, `:"484",`, "ex:createdAt", "https://example.org/created-at").Replace(fhirLines["Appointment"])
		require.Equal(t, want, b.Get(t, "/Appointment/$dump?fhir=true").Text)
	})
}

// requireDump checks the header of a $dump.
func requireDump(t *testing.T, got apitest.Answer) {
	t.Helper()
	require.Equal(t, http.StatusOK, got.StatusCode)
	require.Equal(t, "application/ndjson", got.Header.Get("Content-Type"))
	require.Equal(t, []string{"chunked"}, got.TransferEncoding)
	require.EqualValues(t, -1, got.ContentLength, "no Content-Length")
	require.Equal(t, "no-store", got.Header.Get("Cache-Control"))
}
