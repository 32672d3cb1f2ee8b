package fhir_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
)

// An invalid document is an error and leaves dst unchanged; whatever is valid is
// converted in both directions.
func TestAppendAidboxValidates(t *testing.T) {
	t.Parallel()

	c := fhir.NewConverter(fhir.R4(), fhir.Options{})
	for _, doc := range []string{
		``, `{`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,}`, `{"a":1 "b":2}`, `{"a":[1,]}`, `{"a":[1}}`, `{"a":tru}`, `{"a":nullx}`,
		`{a:1}`, `{"a":01}`, `{"a":-}`, `{"a":1.}`, `{"a":1e+}`, `{"a":.5}`, `{"a":"b}`, `{"a":"b\`, `{"a":"\x"}`, `{"a":"\u12g4"}`,
		"{\"a\":\"\n\"}", "\ufeff{}", `{} {}`, `{"a":` + strings.Repeat("[", 1000),
	} {
		got, err := c.AppendAidbox([]byte("before"), []byte(doc))
		require.ErrorContains(t, err, "invalid JSON at byte ", "%q", doc)
		require.Equal(t, "before", string(got))
	}
	for _, doc := range []string{
		`{}`, " \t\r\n{ } ", `{"":""}`, `{"a":[]}`, `{"a":[[],{}]}`, `{"a":[1,-0,0.5,1E5,1e-5,-1.5e+5]}`,
		`{"a":"\" \\ \/ \b \f \n \r \t \u00e9 \uD83D\ude00"}`, "{\"a\":\"é \u007f 😀\"}", `{"a":1,"a":2}`,
		`{"a":` + strings.Repeat("[", 999) + strings.Repeat("]", 999) + `}`,
	} {
		got, err := c.AppendAidbox(nil, []byte(doc))
		require.NoError(t, err, doc)
		require.Equal(t, string(c.AppendFHIR(nil, []byte(doc))), string(got), doc)
	}
}

// TestDepth: a deeply nested document is copied without a crash, and the first element
// that exceeds the limit is reported.
func TestDepth(t *testing.T) {
	t.Parallel()

	for _, test := range []struct{ opening, closing, resourceType, path string }{
		{`{"resourceType":"QuestionnaireResponse","item":[`, `]}`, "QuestionnaireResponse", strings.Repeat(".item", 1000)},
		{`{"resourceType":"Bundle","entry":[{"resource":`, `}]}`, "Bundle", strings.Repeat(".entry.resource", 17)},
		{`{"resourceType":"Patient","extension":[{"extension":[`, `]}]}`, "Patient", strings.Repeat(".extension", 1000)},
	} {
		var issues []fhir.Issue
		c := fhir.NewConverter(fhir.R4(), fhir.Options{Issue: func(i fhir.Issue) { issues = append(issues, i) }})
		const times = 100_000
		doc := strings.Repeat(test.opening, times) + `{}` + strings.Repeat(test.closing, times)
		require.Equal(t, doc, string(c.AppendFHIR(nil, []byte(doc))))
		require.Equal(t, []fhir.Issue{{
			ResourceType: test.resourceType, Path: test.resourceType + test.path, Reason: "nested too deeply",
		}}, issues)
	}
}
