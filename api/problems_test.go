package api_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api/apitest"
)

// TestSeveralProblems: a client learns of all that is wrong with its request at
// once.
func TestSeveralProblems(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Aidbox(t, "Patient")
	for target, want := range map[string][]string{
		"/fhir/$export?unknown=1&_since=yesterday&_type=Nonsense":                                {"_type", "_since", "unknown"},
		"/fhir/$export?_type=Patient,Nonsense,Rubbish&_until=2024-13&_until=2025":                {"_type", "_type", "_until"},
		"/fhir/$export?_since=2025&_until=2024&_maximumFileSize=1&_minimumFileSize=x":            {"_until", "_minimumFileSize", "_maximumFileSize"},
		"/fhir/$export?_format=xml&_outputFormat=csv&organizeOutputBy=x&_elements=Patient.x.y,z": {"_format", "organizeOutputBy", "_outputFormat", "_elements", "_elements"},
		"/fhir/$export?_type=Patient&_typeFilter=Patient?x=1,Patient?birthdate=x&includeAssociatedData=x&allowPartialManifests=perhaps": {
			"allowPartialManifests", "_typeFilter", "_typeFilter", "includeAssociatedData",
		},
		"/fhir/Patient/$export?patient=Group/1,Patient/unknown,|&onPatientError=x&a=b&c=d": {"onPatientError", "patient", "patient", "a", "c"},
		"/Patient/$dump?fhir=perhaps&gzip=1&_since=x&_type=Patient":                        {"_since", "fhir", "gzip", "_type"},
		"/fhir/Group?_count=0&_format=xml&unknown=1&name:x=y":                              {"_count", "_format", "unknown", "name:x"},
	} {
		got := b.Get(t, target)
		require.Equal(t, http.StatusBadRequest, got.StatusCode, got.Text)
		require.Equal(t, want, expressions(t, got), "%s: %s", target, got.Text)
	}

	// Only what makes no sense is left for a lenient client.
	got := b.Get(t, "/fhir/$export?unknown=1&_since=yesterday&_type=Patient,Nonsense&_maximumFileSize=1", "Prefer", "handling=lenient")
	require.Equal(t, []string{"_since", "_maximumFileSize"}, expressions(t, got), got.Text)

	got = b.Post(t, "/fhir/$export", apitest.TypeFHIR, apitest.Parameters(`{"name":"_type","valueQuantity":{}}`, `{"name":"_since","valueInstant":"x"}`, `{"valueString":"x"}`, `{"name":"x","valueString":"x"}`))
	require.Equal(t, http.StatusBadRequest, got.StatusCode)
	require.Equal(t, []string{"_type", "", "_since", "x"}, expressions(t, got), got.Text)

	// Syntax comes before rights.
	require.NoError(t, b.Clients.Add(t.Context(), "narrow", "narrow", []string{"system/Patient.rs"}))
	request := b.Request(t, http.MethodGet, "/fhir/$export?_type=Observation&_since=x")
	request.SetBasicAuth("narrow", "narrow")
	got = b.Do(t, request)
	require.Equal(t, http.StatusBadRequest, got.StatusCode)
	require.Equal(t, []string{"_type", "_since"}, expressions(t, got), got.Text)
	request = b.Request(t, http.MethodGet, "/fhir/$export?_type=Observation,Group")
	request.SetBasicAuth("narrow", "narrow")
	got = b.Do(t, request)
	require.Equal(t, http.StatusForbidden, got.StatusCode)
	require.Equal(t, []string{"_type", "_type"}, expressions(t, got), got.Text)
}

// expressions are the parameters that the issues of a refusal name; "" for one
// that names none.
func expressions(t *testing.T, got apitest.Answer) (names []string) {
	t.Helper()
	var said apitest.Outcome
	require.NoError(t, json.Unmarshal([]byte(got.Text), &said), got.Text)
	require.Equal(t, "OperationOutcome", said.ResourceType)
	for _, issue := range said.Issue {
		require.Equal(t, "error", issue.Severity)
		require.NotEmpty(t, issue.Diagnostics)
		names = append(names, append(issue.Expression, "")[0])
	}
	return names
}

// TestOutcomeType: a client that accepts application/json gets OperationOutcomes with that
// type.
func TestOutcomeType(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Aidbox(t, "Group")
	b.Exec(t, `INSERT INTO "group" (id, txid, status, resource) VALUES ('a', 1, 'created', '{}')`)
	failed := b.KickOff(t, "/fhir/$export?_type=Group").ID
	b.Exec(t, `UPDATE sluice.export SET state = 'failed', failure = 'x', finished_at = now() WHERE id = $1`, failed)
	for accept, want := range map[string]string{
		"":                                  apitest.TypeFHIR,
		"*/*":                               apitest.TypeFHIR,
		"application/json":                  "application/json",
		"Application/JSON; charset=utf-8":   "application/json",
		"application/json, text/plain, */*": "application/json",
		"application/json, */*;q=0.1":       "application/json",
		"application/json;q=0.5, */*":       apitest.TypeFHIR,
		"application/fhir+json":             apitest.TypeFHIR,
		"application/fhir+json, application/json":       apitest.TypeFHIR,
		"application/json, application/fhir+json;q=0":   "application/json",
		"application/fhir+json;q=0.5, application/json": "application/json",
		"application/json;q=0, */*":                     apitest.TypeFHIR,
		"text/html":                                     apitest.TypeFHIR,
	} {
		for _, target := range []string{"/fhir/$export?_type=Group", "/fhir/$export?_type=Nonsense", "/Slot/$dump", "/nowhere", apitest.StatusPath + failed.String(), "/fhir/metadata", "/fhir/Group", "/fhir/Group/a"} {
			got := b.Get(t, target, "Accept", accept)
			if got.StatusCode == http.StatusTooManyRequests {
				continue
			}
			require.Equal(t, want, got.Header.Get("Content-Type"), "%s: %s", target, accept)
		}
	}
}

// TestPreferenceApplied: the header lists only preferences that the request stated.
func TestPreferenceApplied(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Aidbox(t, "Patient")
	for prefer, want := range map[string]string{
		"": "", "handling=strict": "", "return=minimal": "",
		"respond-async":    "respond-async",
		"handling=lenient": "handling=lenient",
		"respond-async, handling=lenient, separate-export-status": "respond-async, separate-export-status, handling=lenient",
	} {
		got := b.Get(t, "/fhir/$export?_type=Patient", "Prefer", prefer)
		require.Equal(t, http.StatusAccepted, got.StatusCode)
		require.Equal(t, want, got.Header.Get("Preference-Applied"), prefer)
		require.Equal(t, want != "", len(got.Header.Values("Preference-Applied")) > 0)
	}
	got := b.Get(t, "/Patient/$dump", "Prefer", "respond-async, handling=lenient, separate-export-status")
	require.Equal(t, http.StatusAccepted, got.StatusCode)
	require.Equal(t, "respond-async", got.Header.Get("Preference-Applied"))
	got = b.Get(t, "/fhir/Patient/$export?_type=Patient&patient=nobody&onPatientError=ignore")
	require.Empty(t, got.Header.Get("Preference-Applied"))
}

// TestAuthorizationSpaces: one space or more stand behind the scheme (RFC 9110,
// 11.4).
func TestAuthorizationSpaces(t *testing.T) {
	t.Parallel()
	b := setup(t)
	credentials := base64.StdEncoding.EncodeToString([]byte(apitest.ClientID + ":" + apitest.ClientSecret))
	for header, want := range map[string]int{
		"Basic " + credentials: 202, "Basic  " + credentials: 202, "basic    " + credentials + " ": 202, " Basic " + credentials: 202,
		"Basic" + credentials: 401, "Basic": 401, "Basic  ": 401, "Basic !": 401, "Basic " + credentials + " x": 401, "": 401, "Bearer  ": 401,
		"Basic " + base64.StdEncoding.EncodeToString([]byte(apitest.ClientID)): 401,
	} {
		request := b.Request(t, http.MethodGet, "/fhir/$export?_type=Patient")
		request.Header.Set("Authorization", header)
		require.Equal(t, want, b.Do(t, request).StatusCode, header)
	}
}
