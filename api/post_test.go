package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/jobs"
)

// post sends a kick-off with a body.
func (b *testBundle) post(t *testing.T, target, contentType, body string, headers ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url+target, strings.NewReader(body))
	require.NoError(t, err)
	request.SetBasicAuth(clientID, clientSecret)
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	return b.do(t, request)
}

const typeFHIR = "application/fhir+json"

// body is a Parameters resource with these parameters, each a JSON object.
func body(parameters ...string) string {
	return `{"resourceType":"Parameters","parameter":[` + strings.Join(parameters, ",") + `]}`
}

// TestPost: what a GET asks for in its query, a POST asks for in its body.
func TestPost(t *testing.T) {
	t.Parallel()
	b := setup(t)

	full := body(
		`{"name":"_type","valueString":"Patient,Observation"}`,
		`{"name":"_type","valueCode":"Group"}`,
		`{"name":"_since","valueInstant":"2020-01-01T00:00:00Z"}`,
		`{"name":"_until","valueInstant":"2021-01-01T00:00:00.5+01:00"}`,
		`{"name":"_outputFormat","valueString":"application/fhir+ndjson+gzip"}`)
	got := b.post(t, "/fhir/$export", typeFHIR+"; charset=utf-8", full, "Prefer", "respond-async")
	export, err := b.exports.Get(t.Context(), requireAccepted(t, got, b.url))
	require.NoError(t, err)
	require.Equal(t, jobs.Request{
		URL:           b.url + "/fhir/$export",
		Types:         []string{"Patient", "Observation", "Group"},
		Existing:      true,
		ChangedAfter:  time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		ChangedBefore: time.Date(2020, 12, 31, 23, 0, 0, 500_000_000, time.UTC),
		FHIR:          true,
		RawGzip:       true,
		Style:         fhir.Style{VersionIDAsString: true, CreatedAtURL: "ex:createdAt"},
	}, export.Request)

	for _, test := range []struct{ contentType, body string }{
		{"", ""}, {typeFHIR, " \n"}, {"application/json", `{"resourceType":"Parameters"}`}, {typeFHIR, body()},
	} {
		export, err := b.exports.Get(t.Context(), requireAccepted(t, b.post(t, "/fhir/$export", test.contentType, test.body), b.url))
		require.NoError(t, err)
		require.ElementsMatch(t, fhir.R4().ResourceTypes(), export.Request.Types)
	}
}

// TestPostWithQuery: some clients put their parameters into the URL of a POST.
func TestPostWithQuery(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, content := range []string{"", body(`{"name":"_type","valueCode":"Group"}`)} {
		got := b.post(t, "/fhir/$export?_type=Patient", typeFHIR, content)
		export, err := b.exports.Get(t.Context(), requireAccepted(t, got, b.url))
		require.NoError(t, err)
		require.Contains(t, export.Request.Types, "Patient")
		require.Equal(t, content != "", len(export.Request.Types) == 2)
	}
}

func TestRefusedPosts(t *testing.T) {
	t.Parallel()
	b := setup(t)

	for _, test := range []struct {
		name, target, contentType, body string
		status                          int
		code, parameter                 string
	}{
		{"UnknownInQuery", "/fhir/$export?x=y", typeFHIR, body(), 400, "invalid", "x"},
		{"BothPlaces", "/fhir/$export?_since=2020", typeFHIR, body(`{"name":"_since","valueString":"2020"}`), 400, "invalid", "_since"},
		{"Form", "/fhir/$export", "application/x-www-form-urlencoded", "_type=Patient", 415, "not-supported", ""},
		{"NoType", "/fhir/$export", "", body(), 415, "not-supported", ""},
		{"XML", "/fhir/$export", "application/fhir+xml", "<Parameters/>", 415, "not-supported", ""},
		{"NoJSON", "/fhir/$export", typeFHIR, `{"resourceType":`, 400, "invalid", ""},
		{"Array", "/fhir/$export", typeFHIR, `[]`, 400, "invalid", ""},
		{"Patient", "/fhir/$export", typeFHIR, `{"resourceType":"Patient"}`, 400, "invalid", ""},
		{"NoName", "/fhir/$export", typeFHIR, body(`{"valueString":"x"}`), 400, "invalid", ""},
		{"NumberAsName", "/fhir/$export", typeFHIR, body(`{"name":1,"valueString":"x"}`), 400, "invalid", ""},
		{"NoValue", "/fhir/$export", typeFHIR, body(`{"name":"_type"}`), 400, "invalid", "_type"},
		{"TwoValues", "/fhir/$export", typeFHIR, body(`{"name":"_type","valueString":"Patient","valueCode":"Group"}`), 400, "invalid", "_type"},
		{"NullValue", "/fhir/$export", typeFHIR, body(`{"name":"_type","valueString":null}`), 400, "invalid", "_type"},
		{"ObjectValue", "/fhir/$export", typeFHIR, body(`{"name":"_type","valueString":{"a":1}}`), 400, "invalid", "_type"},
		{"EmptyReference", "/fhir/$export", typeFHIR, body(`{"name":"_type","valueReference":{}}`), 400, "invalid", "_type"},
		{"Unknown", "/fhir/$export", typeFHIR, body(`{"name":"_typ","valueString":"Patient"}`), 400, "invalid", "_typ"},
		{"Repeated", "/fhir/$export", typeFHIR, body(`{"name":"_since","valueString":"2020"}`, `{"name":"_since","valueString":"2021"}`), 400, "invalid", "_since"},
		{"TooLarge", "/fhir/$export", typeFHIR, strings.Repeat(" ", 1<<20) + body(), 413, "too-long", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			requireRefusal(t, b.post(t, test.target, test.contentType, test.body), test.status, test.code, test.parameter)
		})
	}
}

func TestPeriods(t *testing.T) {
	t.Parallel()
	b := setup(t)

	request := b.kickOff(t, "/fhir/$export?_type=Patient&_since=2020&_until=2021-06").Request
	require.Equal(t, time.Date(2021, 6, 1, 0, 0, 0, 0, time.UTC), request.ChangedBefore)
	for _, query := range []string{"_until=soon", "_since=2021&_until=2021", "_since=2021&_until=2020-12-31"} {
		requireRefusal(t, b.get(t, "/fhir/$export?"+query), http.StatusBadRequest, "invalid", "_until")
	}
}

func TestAccept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.kickOff(t, "/fhir/$export?_type=Patient").ID

	for accept, fine := range map[string]bool{
		"*/*": true, "application/fhir+json": true, "application/json": true, "text/html, application/*;q=0.1": true, "": true,
		"application/fhir+xml": false, "text/html": false, "application/json;q=0, text/plain": false,
	} {
		kickOff := b.get(t, "/fhir/$export?_type=Patient", "Accept", accept)
		status := b.get(t, statusPath+id.String(), "Accept", accept)
		if fine {
			require.Equal(t, http.StatusAccepted, kickOff.StatusCode, accept)
			require.Equal(t, http.StatusAccepted, status.StatusCode, accept)
			continue
		}
		requireRefusal(t, kickOff, http.StatusNotAcceptable, "not-supported", "")
		requireRefusal(t, status, http.StatusNotAcceptable, "not-supported", "")
	}
}
