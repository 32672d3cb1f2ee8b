package bulk_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api/apitest"
	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/jobs"
)

// TestPost: the body of a POST has the parameters that a GET has in its query.
func TestPost(t *testing.T) {
	t.Parallel()
	b := setup(t)

	full := apitest.Parameters(
		`{"name":"_type","valueString":"Patient,Observation"}`,
		`{"name":"_type","valueCode":"Group"}`,
		`{"name":"_since","valueInstant":"2020-01-01T00:00:00Z"}`,
		`{"name":"_until","valueInstant":"2021-01-01T00:00:00.5+01:00"}`,
		`{"name":"_outputFormat","valueString":"application/fhir+ndjson+gzip"}`)
	got := b.Post(t, "/fhir/$export", apitest.TypeFHIR+"; charset=utf-8", full, "Prefer", "respond-async")
	export, err := b.Exports.Get(t.Context(), apitest.RequireAccepted(t, got, b.URL))
	require.NoError(t, err)
	require.Equal(t, jobs.Request{
		URL:           b.URL + "/fhir/$export",
		Types:         []string{"Patient", "Observation", "Group"},
		Existing:      true,
		ChangedAfter:  time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		ChangedBefore: time.Date(2020, 12, 31, 23, 0, 0, 500_000_000, time.UTC),
		FHIR:          true,
		RawGzip:       true,
		Style:         fhir.Style{VersionIDAsString: true, CreatedAtURL: "ex:createdAt"},
	}, export.Request)

	for _, test := range []struct{ contentType, body string }{
		{"", ""}, {apitest.TypeFHIR, " \n"}, {"application/json", `{"resourceType":"Parameters"}`}, {apitest.TypeFHIR, apitest.Parameters()},
	} {
		export, err := b.Exports.Get(t.Context(), apitest.RequireAccepted(t, b.Post(t, "/fhir/$export", test.contentType, test.body), b.URL))
		require.NoError(t, err)
		require.ElementsMatch(t, fhir.R4().ResourceTypes(), export.Request.Types)
	}
}

// TestPostWithQuery: some clients put their parameters into the URL of a POST.
func TestPostWithQuery(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, content := range []string{"", apitest.Parameters(`{"name":"_type","valueCode":"Group"}`)} {
		got := b.Post(t, "/fhir/$export?_type=Patient", apitest.TypeFHIR, content)
		export, err := b.Exports.Get(t.Context(), apitest.RequireAccepted(t, got, b.URL))
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
		{"UnknownInQuery", "/fhir/$export?x=y", apitest.TypeFHIR, apitest.Parameters(), 400, "invalid", "x"},
		{"BothPlaces", "/fhir/$export?_since=2020", apitest.TypeFHIR, apitest.Parameters(`{"name":"_since","valueString":"2020"}`), 400, "invalid", "_since"},
		{"Form", "/fhir/$export", "application/x-www-form-urlencoded", "_type=Patient", 415, "not-supported", ""},
		{"NoType", "/fhir/$export", "", apitest.Parameters(), 415, "not-supported", ""},
		{"XML", "/fhir/$export", "application/fhir+xml", "<Parameters/>", 415, "not-supported", ""},
		{"NoJSON", "/fhir/$export", apitest.TypeFHIR, `{"resourceType":`, 400, "invalid", ""},
		{"Array", "/fhir/$export", apitest.TypeFHIR, `[]`, 400, "invalid", ""},
		{"Patient", "/fhir/$export", apitest.TypeFHIR, `{"resourceType":"Patient"}`, 400, "invalid", ""},
		{"NoName", "/fhir/$export", apitest.TypeFHIR, apitest.Parameters(`{"valueString":"x"}`), 400, "invalid", ""},
		{"NumberAsName", "/fhir/$export", apitest.TypeFHIR, apitest.Parameters(`{"name":1,"valueString":"x"}`), 400, "invalid", ""},
		{"NoValue", "/fhir/$export", apitest.TypeFHIR, apitest.Parameters(`{"name":"_type"}`), 400, "invalid", "_type"},
		{"TwoValues", "/fhir/$export", apitest.TypeFHIR, apitest.Parameters(`{"name":"_type","valueString":"Patient","valueCode":"Group"}`), 400, "invalid", "_type"},
		{"NullValue", "/fhir/$export", apitest.TypeFHIR, apitest.Parameters(`{"name":"_type","valueString":null}`), 400, "invalid", "_type"},
		{"ObjectValue", "/fhir/$export", apitest.TypeFHIR, apitest.Parameters(`{"name":"_type","valueString":{"a":1}}`), 400, "invalid", "_type"},
		{"EmptyReference", "/fhir/$export", apitest.TypeFHIR, apitest.Parameters(`{"name":"_type","valueReference":{}}`), 400, "invalid", "_type"},
		{"Unknown", "/fhir/$export", apitest.TypeFHIR, apitest.Parameters(`{"name":"_typ","valueString":"Patient"}`), 400, "invalid", "_typ"},
		{"Repeated", "/fhir/$export", apitest.TypeFHIR, apitest.Parameters(`{"name":"_since","valueString":"2020"}`, `{"name":"_since","valueString":"2021"}`), 400, "invalid", "_since"},
		{"TooLarge", "/fhir/$export", apitest.TypeFHIR, strings.Repeat(" ", 1<<20) + apitest.Parameters(), 413, "too-long", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			apitest.RequireRefusal(t, b.Post(t, test.target, test.contentType, test.body), test.status, test.code, test.parameter)
		})
	}
}

func TestPeriods(t *testing.T) {
	t.Parallel()
	b := setup(t)

	request := b.KickOff(t, "/fhir/$export?_type=Patient&_since=2020&_until=2021-06").Request
	require.Equal(t, time.Date(2021, 6, 1, 0, 0, 0, 0, time.UTC), request.ChangedBefore)
	for _, query := range []string{"_until=soon", "_since=2021&_until=2021", "_since=2021&_until=2020-12-31"} {
		apitest.RequireRefusal(t, b.Get(t, "/fhir/$export?"+query), http.StatusBadRequest, "invalid", "_until")
	}
}

func TestAccept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.KickOff(t, "/fhir/$export?_type=Patient").ID

	for accept, fine := range map[string]bool{
		"*/*": true, "application/fhir+json": true, "application/json": true, "text/html, application/*;q=0.1": true, "": true,
		"application/fhir+xml": false, "text/html": false, "application/json;q=0, text/plain": false,
	} {
		kickOff := b.Get(t, "/fhir/$export?_type=Patient", "Accept", accept)
		status := b.Get(t, apitest.StatusPath+id.String(), "Accept", accept)
		if fine {
			require.Equal(t, http.StatusAccepted, kickOff.StatusCode, accept)
			require.Equal(t, http.StatusAccepted, status.StatusCode, accept)
			continue
		}
		apitest.RequireRefusal(t, kickOff, http.StatusNotAcceptable, "not-supported", "")
		apitest.RequireRefusal(t, status, http.StatusNotAcceptable, "not-supported", "")
	}
}
