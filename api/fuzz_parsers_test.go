package api

import (
	"cmp"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source"
)

// FuzzBody: the body of a kick-off is refused, or says what its parameters are.
func FuzzBody(f *testing.F) {
	f.Add([]byte(`{"resourceType":"Parameters","parameter":[{"name":"_type","valueString":"Patient"},{"name":"patient","valueReference":{"reference":"Patient/1"}}]}`))
	f.Add([]byte(`{"resourceType":"Parameters","parameter":[{"name":"a","valueInteger":4096},{"name":"b","valueCoding":{"code":"x"}},{"name":"c","valueBoolean":null}]}`))
	f.Add([]byte(`{"resourceType":"Parameters","parameter":[{"name":"a","value":[[[[{}]]]]},{"name":"","valueString":""},{}]}`))
	f.Add([]byte(strings.Repeat(`{"parameter":[`, 20_000)))
	f.Fuzz(func(t *testing.T, body []byte) {
		params := &parameters{values: url.Values{}}
		if err := cmp.Or(parseParameters(body, params), params.verdict()); err != nil {
			requireRefused(t, err)
			return
		}
		for name, of := range params.values {
			require.NotEmpty(t, name)
			require.NotEmpty(t, of)
		}
	})
}

// requireRefused wants an error that tells the client what it has done wrong.
func requireRefused(t *testing.T, err error) {
	t.Helper()
	var refused *problem
	require.ErrorAs(t, err, &refused)
	require.GreaterOrEqual(t, refused.status, 400)
	require.Less(t, refused.status, 500, "%v", err)
	require.Less(t, len(refused.text), 5000)
	require.LessOrEqual(t, len(refused.parameter), 256)
}

// FuzzKickOff: the parameters of a kick-off are refused, or make a request that
// asks for no more than they say.
func FuzzKickOff(f *testing.F) {
	f.Add("_type=Patient,Observation&_since=2024&_until=2025-01-01&_typeFilter=Observation%3Fstatus%3Dfinal,Patient%3Factive%3Dtrue", false)
	f.Add("_elements=Patient.name,status&includeAssociatedData=LatestProvenanceResources&_outputFormat=application/fhir+ndjson", true)
	f.Add("_maximumFileSize=65536&allowPartialManifests=true&_type=x&_type=Patient&unknown=1", true)
	f.Add("_typeFilter=Patient?&_elements=.&_type=,&_since=", true)
	scopes, err := auth.ParseScopes([]string{"system/*.rs"})
	require.NoError(f, err)
	types := fhir.R4().ResourceTypes()
	unreachable, err := source.Open(f.Context(), source.Config{URL: "postgres://localhost"})
	require.NoError(f, err)
	unreachable.Close()
	a := New(Config{Logger: slog.New(slog.DiscardHandler), ResourceTypes: types, Source: unreachable})
	f.Fuzz(func(t *testing.T, query string, lenient bool) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		values.Del("patient") // which asks the database
		params := &parameters{values: values, lenient: lenient}
		if err := params.checkCount(maxValues); err != nil {
			requireRefused(t, err)
			return
		}
		request, err := a.readExport(t.Context(), params, auth.Client{Scopes: scopes}, jobs.Request{Level: jobs.SystemLevel})
		if err == nil {
			err = params.end()
		}
		if err != nil {
			requireRefused(t, err)
			return
		}
		require.NotEmpty(t, request.Types)
		require.Subset(t, types, request.Types)
		require.GreaterOrEqual(t, request.MaxFileBytes, int64(0))
		require.LessOrEqual(t, len(params.warnings), maxWarnings+1)
		require.True(t, lenient || len(params.warnings) == 0)
		for resourceType := range request.Filters {
			require.Contains(t, request.Types, resourceType)
		}
		if after, before := request.ChangedAfter, request.ChangedBefore; !before.IsZero() {
			require.True(t, after.Before(before))
		}
	})
}

// FuzzHeaders: a header means something or nothing; none breaks anything.
func FuzzHeaders(f *testing.F) {
	f.Add("application/fhir+json;q=0.5, */*", "gzip;q=0, *", "respond-async; x, handling=\"lenient\"", "bytes=1-5", int64(100))
	f.Add("q=;;,", "x-gzip;q=1e999", "=,=", "bytes=-9223372036854775808", int64(0))
	f.Fuzz(func(t *testing.T, accept, encoding, prefer, span string, size int64) {
		c, _ := gin.CreateTestContext(httptest.NewRecorder())
		c.Request = httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		for name, value := range map[string]string{"Accept": accept, "Accept-Encoding": encoding, "Prefer": prefer} {
			c.Request.Header.Set(name, value)
		}
		_ = acceptsJSON(c)
		_ = acceptsGzip(c)
		_ = prefersLenient(c)
		if size < 0 {
			return
		}
		if r, ok, _ := parseRange(span, size); ok {
			require.GreaterOrEqual(t, r.offset, int64(0))
			require.Positive(t, r.length)
			require.LessOrEqual(t, r.offset, size-r.length)
		}
	})
}

// FuzzValues: a time or a patient that is accepted is one.
func FuzzValues(f *testing.F) {
	f.Add("2024-02-30T10:00:00+25:00", "https://x/Patient/a b")
	f.Add("0000-01-01", "Patient/Patient/1")
	f.Fuzz(func(t *testing.T, when, who string) {
		if at, ok := parseTime(when); ok {
			require.Positive(t, at.Year())
			require.False(t, at.IsZero())
		}
		if id, ok := patientID("https://x/fhir", who); ok {
			require.NotEmpty(t, id)
			require.True(t, storable(id))
			require.NotContains(t, id, "/")
			require.NotContains(t, id, " ")
		}
		require.LessOrEqual(t, len(quote(who)), 450)
	})
}
