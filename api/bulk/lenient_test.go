package bulk_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api/apitest"
	"github.com/seed-90096f4d/sluice/jobs"
)

// TestLenient: what can't be done is carried on without, and noted.
func TestLenient(t *testing.T) {
	t.Parallel()
	b := setup(t)

	for _, test := range []struct {
		query, parameter string
		types            []string
	}{
		{"?_type=Patient&unknown=1", "unknown", []string{"Patient"}},
		{"?_type=Patient,Nonsense", "_type", []string{"Patient"}},
		{"?_type=Patient&_outputFormat=text/csv", "_outputFormat", []string{"Patient"}},
	} {
		t.Run(test.query, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, http.StatusBadRequest, b.Get(t, "/fhir/$export"+test.query).StatusCode)
			require.Equal(t, http.StatusBadRequest, b.Get(t, "/fhir/$export"+test.query, "Prefer", "handling=strict").StatusCode)

			got := b.Get(t, "/fhir/$export"+test.query, "Prefer", "respond-async, handling=lenient")
			require.Equal(t, "respond-async, handling=lenient", got.Header.Get("Preference-Applied"))
			export, err := b.Exports.Get(t.Context(), apitest.RequireAccepted(t, got, b.URL))
			require.NoError(t, err)
			require.Equal(t, test.types, export.Request.Types)
			require.Len(t, export.Request.Warnings, 1)
			require.Equal(t, test.parameter, export.Request.Warnings[0].Parameter)
			require.Contains(t, export.Request.Warnings[0].Text, test.parameter)
		})
	}

	// Lenient handling never exports more than was requested.
	for _, query := range []string{"?_type=Nonsense", "?_since=yesterday", "?_since=2020&_since=2021", "?%zz"} {
		got := b.Get(t, "/fhir/$export"+query, "Prefer", "handling=lenient")
		require.Equal(t, http.StatusBadRequest, got.StatusCode, query)
	}
	require.Empty(t, b.KickOff(t, "/fhir/$export?_type=Patient", "Prefer", "handling=lenient").Request.Warnings)
}

// TestWarningsInManifest: the file of warnings is linked and can be downloaded.
func TestWarningsInManifest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.KickOff(t, "/fhir/$export?_type=Patient,Nonsense&x=y", "Prefer", "handling=lenient").ID
	b.Complete(t, id)
	b.Exec(t, `INSERT INTO sluice.file (export_id, number, kind, resource_type, object_key, resources, plain_bytes, max_line_bytes, stored_bytes, sha256, etag)
		VALUES ($1, 1, 'outcome', 'OperationOutcome', $2, 2, 30, 15, 20, 'hash', 'etag')`, id, jobs.WarningsKey(id))

	_, m := b.manifest(t, id)
	require.Len(t, m.Error, 1)
	require.Equal(t, "OperationOutcome", m.Error[0].Type)
	require.Equal(t, 2, m.Error[0].Count)
	require.Contains(t, m.Error[0].URL, jobs.WarningsKey(id))
}

// TestSeparateStatus: the status of the response is that of the poll, and a header has
// the status of the export.
func TestSeparateStatus(t *testing.T) {
	t.Parallel()
	b := setup(t)
	kickOff := func() string {
		got := b.Get(t, "/fhir/$export?_type=Patient", "Prefer", "respond-async,separate-export-status")
		require.Equal(t, "respond-async, separate-export-status", got.Header.Get("Preference-Applied"))
		return apitest.RequireAccepted(t, got, b.URL).String()
	}

	running := b.Get(t, apitest.StatusPath+kickOff())
	require.Equal(t, http.StatusOK, running.StatusCode)
	require.Equal(t, "202 Accepted", running.Header.Get("X-Export-Status"))
	require.Equal(t, "0%", running.Header.Get("X-Progress"))
	require.NotEmpty(t, running.Header.Get("Retry-After"))

	failed := b.KickOff(t, "/fhir/$export?_type=Patient", "Prefer", "separate-export-status").ID
	require.NoError(t, b.Exports.Fail(t.Context(), failed, "the table patient can't be read"))
	got := b.Get(t, apitest.StatusPath+failed.String())
	require.Equal(t, "500 Internal Server Error", got.Header.Get("X-Export-Status"))
	apitest.RequireRefusal(t, got, http.StatusOK, "exception", "")

	completed := b.KickOff(t, "/fhir/$export?_type=Patient", "Prefer", "separate-export-status").ID
	b.Complete(t, completed)
	whole, _ := b.manifest(t, completed)
	require.Equal(t, "200 OK", whole.Header.Get("X-Export-Status"))

	require.Empty(t, b.Get(t, apitest.StatusPath+b.KickOff(t, "/fhir/$export?_type=Patient").ID.String()).Header.Get("X-Export-Status"))
	unknown := b.Get(t, apitest.StatusPath+"6f4b6a43-5a3a-4f0c-b8a3-2a2b9d2a7f10")
	require.Equal(t, http.StatusNotFound, unknown.StatusCode, "there is no export whose status could be told apart")
}

// TestTooManyPolls: polling an export too often is refused, for that export only.
func TestTooManyPolls(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.KickOff(t, "/fhir/$export?_type=Patient").ID.String()
	other := b.KickOff(t, "/fhir/$export?_type=Patient").ID.String()

	polls := 0
	var got apitest.Answer
	for got = b.Get(t, apitest.StatusPath+id); got.StatusCode == http.StatusAccepted && polls < 5000; got = b.Get(t, apitest.StatusPath+id) {
		polls++
	}
	apitest.RequireRefusal(t, got, http.StatusTooManyRequests, "throttled", "")
	require.NotEmpty(t, got.Header.Get("Retry-After"))
	require.GreaterOrEqual(t, polls, 300, "whoever waits for a small export may ask often")
	require.Equal(t, http.StatusAccepted, b.Get(t, apitest.StatusPath+other).StatusCode)
	require.Eventually(t, func() bool { return b.Get(t, apitest.StatusPath+id).StatusCode == http.StatusAccepted }, apitest.Patience, apitest.Tick)
}
