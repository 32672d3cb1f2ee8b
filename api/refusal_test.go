package api_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api/apitest"
	"github.com/seed-90096f4d/sluice/auth"
)

func TestRefusals(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Documented(t)

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
			said := apitest.RequireRefusal(t, b.Get(t, test.target), test.status, test.code, test.parameter)
			require.Contains(t, said, test.parameter, "people see only this")
		})
	}

	// The type in the path cannot inject SQL.
	for _, trick := range []string{
		`Patient;DROP TABLE patient`, `Patient"`, `Patient'--`, `Patient" UNION SELECT 1--`, `public.patient`,
		"Patient\x00", "\xff\xfe", `Patient%`, `..`, `Patient/../Group`, `$1`,
	} {
		t.Run("Trick"+trick, func(t *testing.T) {
			t.Parallel()
			apitest.RequireRefusal(t, b.Get(t, "/"+url.PathEscape(trick)+"/$dump"), http.StatusNotFound, "not-found", "")
			require.Equal(t, apitest.AidboxLines["Patient"], b.Get(t, "/Patient/$dump").Text)
		})
	}
}

// TestNotTransient: faults of a request or of the data are not reported as transient.
func TestNotTransient(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Aidbox(t, "Patient", "Group", "Observation")
	export := b.KickOff(t, "/fhir/$export?_type=Patient&allowPartialManifests=true").ID
	b.Complete(t, export)
	for _, target := range []string{
		"/fhir/$export?_until=9999-12-31T23:59:59-14:00",
		"/fhir/$export?_until=9999-12-31T23:59:59.9999999-14:00",
		"/fhir/$export?_until=0001-01-01", "/fhir/$export?_since=0001-01-01", "/fhir/$export?_since=0001-01-01T00:00:00%2B14:00",
		"/fhir/$export?_since=0001-01-01T00:00:00%2B14:00&_until=0001-01-01",
		"/fhir/$export?_typeFilter=Patient?birthdate=lt9999-12-31T23:59:59-14:00",
		"/fhir/$export?_typeFilter=Patient?name=a%00b", "/fhir/$export?_typeFilter=Patient?name=a%2500b", "/fhir/$export?_typeFilter=Patient?name%00=b",
		"/fhir/$export?_typeFilter=Observation?value-quantity=1e400", "/fhir/$export?_typeFilter=Observation?value-quantity=1e-400",
		"/fhir/$export?_elements=%00", "/fhir/$export?_type=%00", "/fhir/$export?%00=1", "/fhir/$export?_outputFormat=%00",
		"/fhir/$export?_minimumFileSize=9223372036854775807",
		"/fhir/Patient/$export?patient=Patient/%00", "/fhir/Patient/$export?patient=%ff",
		"/fhir/Group/%00/$export", "/fhir/Group/%ff/$export", "/fhir/Group/%00", "/fhir/Group?_after=%00", "/fhir/Group?name=%00", "/fhir/Group?_id=%00",
		"/fhir/Group?_count=99999999999999999999", "/fhir/Group?_lastUpdated=lt9999-12-31T23:59:59-14:00", "/fhir/Group?_lastUpdated=gt0001",
		"/Patient/$dump?_since=0001-01-01", "/Patient/$dump?_since=%00", "/%00/$dump",
		apitest.StatusPath + export.String() + "?page=2147483648", apitest.StatusPath + export.String() + "?page=99999999999999999999",
		apitest.StatusPath + export.String() + "?page=2147483647",
	} {
		for _, prefer := range []string{"handling=strict", "handling=lenient", "respond-async"} {
			got := b.Get(t, target, "Prefer", prefer)
			require.Less(t, got.StatusCode, 500, "%s: %s", target, got.Text)
			require.NotEqual(t, http.StatusTooManyRequests, got.StatusCode)
			if got.StatusCode >= 400 {
				require.Empty(t, got.Header.Get("Retry-After"), target)
			}
		}
	}

	// A policy divides by zero: SQLSTATE 22012.
	b.Exec(t, `ALTER TABLE patient ENABLE ROW LEVEL SECURITY; CREATE POLICY broken ON patient USING (1 / length(left(id, 0)) = 1);
		INSERT INTO patient (id, txid, status, resource) VALUES ('a', 1, 'created', '{}')`)
	got := b.Get(t, "/Patient/$dump")
	apitest.RequireRefusal(t, got, http.StatusInternalServerError, "exception", "")
	require.Empty(t, got.Header.Get("Retry-After"))
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
			got := b.Do(t, b.Request(t, test.method, test.target))
			require.Equal(t, test.allow, got.Header.Get("Allow"))
			require.Equal(t, http.StatusMethodNotAllowed, got.StatusCode)
			if test.method != http.MethodHead {
				apitest.RequireRefusal(t, got, http.StatusMethodNotAllowed, "not-supported", "")
			}
		})
	}
}

// TestOrderOfChecks: syntax is checked before permission, and permission before
// existence. A name that is neither a type of FHIR nor a table is not found.
func TestOrderOfChecks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Ward(t)
	require.NoError(t, b.Clients.Register(t.Context(), auth.Registration{
		ID: "narrow", Secret: "narrow-secret", Scopes: []string{"system/Patient.rs"}, Groups: []string{"ward"},
	}))
	require.NoError(t, b.Clients.Add(t.Context(), "patients", "patients-secret", []string{"system/Patient.rs"}))
	for _, test := range []struct {
		client, target string
		status         int
	}{
		{"patients", "/Observation/$dump?fhir=x", http.StatusBadRequest},
		{"patients", "/Observation/$dump", http.StatusForbidden},
		{"patients", "/Slot/$dump", http.StatusForbidden},
		{"patients", "/Nonsense/$dump", http.StatusNotFound},
		{"narrow", "/Patient/$dump?fhir=x", http.StatusBadRequest},
		{"narrow", "/Patient/$dump", http.StatusForbidden},
		{"narrow", "/fhir/Group/nobody/$export?_since=x", http.StatusBadRequest},
		{"narrow", "/fhir/Group/nobody/$export?_type=Patient", http.StatusForbidden},
		{"narrow", "/fhir/Group/ward/$export?_type=Patient", http.StatusAccepted},
		{"patients", "/fhir/Group/nobody/$export?_type=Patient", http.StatusNotFound},
		{"patients", "/fhir/Group/nobody/$export?_type=Patient&_since=x", http.StatusBadRequest},
		{"patients", "/fhir/Group?_count=0", http.StatusBadRequest},
		{"patients", "/fhir/Group", http.StatusForbidden},
	} {
		request := b.Request(t, http.MethodGet, test.target)
		request.SetBasicAuth(test.client, test.client+"-secret")
		got := b.Do(t, request)
		require.Equal(t, test.status, got.StatusCode, "%s %s: %s", test.client, test.target, got.Text)
	}
}
