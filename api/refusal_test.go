package api_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// outcome is a FHIR OperationOutcome, as far as a client looks at it.
type outcome struct {
	ResourceType string `json:"resourceType"`
	Issue        []struct {
		Severity    string   `json:"severity"`
		Code        string   `json:"code"`
		Diagnostics string   `json:"diagnostics"`
		Expression  []string `json:"expression"`
	} `json:"issue"`
}

// requireRefusal checks that the answer is an OperationOutcome with one error of
// that code about that parameter ("" for none), and returns what it says.
func requireRefusal(t *testing.T, got answer, status int, code, parameter string) string {
	t.Helper()
	require.Equal(t, status, got.StatusCode, got.body)
	require.Equal(t, "application/fhir+json", got.Header.Get("Content-Type"))
	var found outcome
	require.NoError(t, json.Unmarshal([]byte(got.body), &found), got.body)
	require.Equal(t, "OperationOutcome", found.ResourceType)
	require.Len(t, found.Issue, 1)
	require.Equal(t, "error", found.Issue[0].Severity)
	require.Equal(t, code, found.Issue[0].Code)
	require.NotEmpty(t, found.Issue[0].Diagnostics)
	if parameter == "" {
		require.Empty(t, found.Issue[0].Expression)
	} else {
		require.Equal(t, []string{parameter}, found.Issue[0].Expression)
	}
	return found.Issue[0].Diagnostics
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.documented(t)

	for _, test := range []struct {
		name, target    string
		status          int
		code, parameter string
	}{
		{"UnknownType", "/Nonsense/$dump", 404, "not-found", ""},
		{"TypeWithoutTable", "/Slot/$dump", 404, "not-found", ""},
		{"LowerCase", "/patient/$dump", 404, "not-found", ""},
		{"UpperCase", "/PATIENT/$dump", 404, "not-found", ""},
		{"HistoryTable", "/Patient_history/$dump", 404, "not-found", ""},
		{"Catalog", "/pg_class/$dump", 404, "not-found", ""},
		{"NoRoute", "/Patient", 404, "not-found", ""},
		{"Root", "/", 404, "not-found", ""},
		{"TrailingSlash", "/Patient/$dump/", 404, "not-found", ""},
		{"UnderFHIR", "/fhir/Patient/$dump", 404, "not-found", ""},
		{"EmptyType", "//$dump", 404, "not-found", ""},

		{"SinceWord", "/Patient/$dump?_since=yesterday", 400, "invalid", "_since"},
		{"SinceEmpty", "/Patient/$dump?_since=", 400, "invalid", "_since"},
		{"SinceMonth13", "/Patient/$dump?_since=2021-13", 400, "invalid", "_since"},
		{"SinceYear0", "/Patient/$dump?_since=0000", 400, "invalid", "_since"},
		{"FHIRWord", "/Patient/$dump?fhir=maybe", 400, "invalid", "fhir"},
		{"FHIREmpty", "/Patient/$dump?fhir=", 400, "invalid", "fhir"},
		{"FHIRBare", "/Patient/$dump?fhir", 400, "invalid", "fhir"},
		{"FHIRUpperCase", "/Patient/$dump?fhir=TRUE", 400, "invalid", "fhir"},
		{"GzipNumber", "/Patient/$dump?gzip=1", 400, "invalid", "gzip"},
		{"Unknown", "/Patient/$dump?_typ=Patient", 400, "invalid", "_typ"},
		{"OfExport", "/Patient/$dump?_type=Patient", 400, "invalid", "_type"},
		{"WrongCase", "/Patient/$dump?Gzip=true", 400, "invalid", "Gzip"},
		{"Repeated", "/Patient/$dump?fhir=true&fhir=true", 400, "invalid", "fhir"},
		{"BrokenEscape", "/Patient/$dump?%zz", 400, "invalid", ""},
		{"BrokenEscapeInValue", "/Patient/$dump?_since=%zz", 400, "invalid", ""},
		{"NULInSince", "/Patient/$dump?_since=2021%00", 400, "invalid", "_since"},

		{"ExportUnknown", "/fhir/$export?fhir=true", 400, "invalid", "fhir"},
		{"ExportNoFHIRType", "/fhir/$export?_type=Patient,Nonsense", 400, "invalid", "_type"},
		{"ExportEmptyType", "/fhir/$export?_type=", 400, "invalid", "_type"},
		{"ExportTrailingComma", "/fhir/$export?_type=Patient,", 400, "invalid", "_type"},
		{"ExportSince", "/fhir/$export?_since=tomorrow", 400, "invalid", "_since"},
		{"ExportRepeatedSince", "/fhir/$export?_since=2020&_since=2021", 400, "invalid", "_since"},
		{"ExportFormat", "/fhir/$export?_outputFormat=text/csv", 400, "not-supported", "_outputFormat"},
		{"ExportEmptyFormat", "/fhir/$export?_outputFormat=", 400, "not-supported", "_outputFormat"},
		{"ExportBrokenEscape", "/fhir/$export?%zz", 400, "invalid", ""},
		{"NoSuchExport", "/fhir/$export-status/6f4b6a43-5a3a-4f0c-b8a3-2a2b9d2a7f10", 404, "not-found", ""},
		{"MalformedExport", "/fhir/$export-status/6f4b6a43", 404, "not-found", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			said := requireRefusal(t, b.get(t, test.target), test.status, test.code, test.parameter)
			require.Contains(t, said, test.parameter, "people see only this")
		})
	}

	// The type stands in the path, and finds its table in the catalog.
	for _, trick := range []string{
		`Patient;DROP TABLE patient`, `Patient"`, `Patient'--`, `Patient" UNION SELECT 1--`, `public.patient`,
		"Patient\x00", "\xff\xfe", `Patient%`, `..`, `Patient/../Group`, `$1`,
	} {
		t.Run("Trick"+trick, func(t *testing.T) {
			t.Parallel()
			requireRefusal(t, b.get(t, "/"+url.PathEscape(trick)+"/$dump"), http.StatusNotFound, "not-found", "")
			require.Equal(t, aidboxLines["Patient"], b.get(t, "/Patient/$dump").body)
		})
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	b := setup(t)

	for _, test := range []struct{ method, target, allow string }{
		{http.MethodPost, "/Patient/$dump", "GET"},
		{http.MethodHead, "/Patient/$dump", "GET"},
		{http.MethodDelete, "/fhir/$export", "GET, POST"},
		{http.MethodPut, "/fhir/$export-status/6f4b6a43-5a3a-4f0c-b8a3-2a2b9d2a7f10", "GET, DELETE"},
		{http.MethodPost, "/health", "GET, HEAD"},
	} {
		t.Run(test.method+test.target, func(t *testing.T) {
			t.Parallel()
			got := b.do(t, b.request(t, test.method, test.target))
			require.Equal(t, test.allow, got.Header.Get("Allow"))
			require.Equal(t, http.StatusMethodNotAllowed, got.StatusCode)
			if test.method != http.MethodHead {
				requireRefusal(t, got, http.StatusMethodNotAllowed, "not-supported", "")
			}
		})
	}
}
