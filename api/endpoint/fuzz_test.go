package endpoint

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api/problem"
)

// FuzzHeaders: no header breaks its parser.
func FuzzHeaders(f *testing.F) {
	f.Add("application/fhir+json;q=0.5, */*", "gzip;q=0, *", "respond-async; x, handling=\"lenient\"")
	f.Add("q=;;,", "x-gzip;q=1e999", "=,=")
	f.Fuzz(func(t *testing.T, accept, encoding, prefer string) {
		c, _ := gin.CreateTestContext(httptest.NewRecorder())
		c.Request = httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		for name, value := range map[string]string{"Accept": accept, "Accept-Encoding": encoding, "Prefer": prefer} {
			c.Request.Header.Set(name, value)
		}
		_ = AcceptsJSON(c)
		_ = AcceptsGzip(c)
		_ = PrefersLenient(c)
		require.Contains(t, []string{ContentTypeFHIR, ContentTypeJSON}, FHIRType(c))
	})
}

// FuzzValues: what is accepted as a time is one, and quoted values are short.
func FuzzValues(f *testing.F) {
	f.Add("2024-02-30T10:00:00+25:00")
	f.Add("0000-01-01")
	f.Fuzz(func(t *testing.T, value string) {
		if at, ok := ParseTime(value); ok {
			require.Positive(t, at.Year())
			require.False(t, at.IsZero())
		}
		require.LessOrEqual(t, len(problem.Quote(value)), 450)
	})
}

// FuzzQuery: a query is refused, or its parameters can be read.
func FuzzQuery(f *testing.F) {
	f.Add("_since=2024-05-31T10:00:00%2B02:00&fhir=true&_type=Patient,Observation&_type=Group")
	f.Add("_since=2024 05&fhir=maybe&%zz=1&a=b&a=c")
	f.Fuzz(func(t *testing.T, query string) {
		c, _ := gin.CreateTestContext(httptest.NewRecorder())
		c.Request = &http.Request{Method: http.MethodGet, URL: &url.URL{RawQuery: query}, Header: http.Header{}}
		params, err := QueryParameters(c)
		if err != nil {
			return
		}
		if at := params.Since(); !at.IsZero() {
			require.Positive(t, at.Year())
		}
		_ = params.Boolean("fhir")
		types, given := params.List("_type")
		require.Equal(t, given, len(types) > 0)
		_ = params.Finish()
	})
}

// FuzzBody: the parameters of a body are refused, or have names and values.
func FuzzBody(f *testing.F) {
	f.Add([]byte(`{"resourceType":"Parameters","parameter":[{"name":"_type","valueString":"Patient"},{"name":"patient","valueReference":{"reference":"Patient/1"}}]}`))
	f.Add([]byte(`{"resourceType":"Parameters","parameter":[{"name":"a","valueInteger":4096},{"name":"b","valueCoding":{"code":"x"}},{"name":"c","valueBoolean":null}]}`))
	f.Add([]byte(`{"resourceType":"Parameters","parameter":[{"name":"a","value":[[[[{}]]]]},{"name":"","valueString":""},{},{"part":[{"resource":{}}]}]}`))
	f.Add([]byte(strings.Repeat(`{"parameter":[`, 20_000)))
	f.Fuzz(func(t *testing.T, body []byte) {
		params := &Parameters{Values: url.Values{}}
		parameters, err := ParseParameters(body)
		for i, parameter := range parameters {
			params.Add(i, parameter)
		}
		if err == nil {
			err = params.Verdict()
		}
		if err != nil {
			var refused *problem.Problem
			require.ErrorAs(t, err, &refused)
			require.Less(t, refused.Status, 500, "%v", err)
			require.Less(t, len(refused.Text), 5000)
			require.LessOrEqual(t, len(refused.Parameter), 256)
			return
		}
		for name, values := range params.Values {
			require.NotEmpty(t, name)
			require.NotEmpty(t, values)
		}
	})
}

// FuzzLocalID: a reference is refused, or contains an id.
func FuzzLocalID(f *testing.F) {
	f.Add("https://x/Patient/a b")
	f.Add("Patient/Patient/1")
	f.Fuzz(func(t *testing.T, reference string) {
		if id, ok := LocalID("https://x/fhir", "Patient", reference); ok {
			require.NotEmpty(t, id)
			require.True(t, Storable(id))
			require.NotContains(t, id, "/")
			require.NotContains(t, id, " ")
		}
	})
}
