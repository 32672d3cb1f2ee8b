package fhir_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
)

// refused are documents that AppendAidbox refuses, and where.
var refused = []struct {
	doc    string
	offset int
	reason string
}{
	{``, 0, "not a JSON object"},
	{`[1]`, 0, "not a JSON object"},
	{` "a"`, 1, "not a JSON object"},
	{"\ufeff{}", 0, "not a JSON object"},
	{`{`, 1, "the document ends early"},
	{`{"a"`, 4, "the document ends early"},
	{`{"a":`, 5, "the document ends early"},
	{`{"a":1`, 6, "the document ends early"},
	{`{"a":1,}`, 7, "a key is missing"},
	{`{"a":1 "b":2}`, 7, "a comma or a closing bracket is missing"},
	{`{"a":[1,]}`, 8, "a value is missing"},
	{`{"a":[1}}`, 7, "a comma or a closing bracket is missing"},
	{`{"a":tru}`, 5, "a value is missing"},
	{`{"a":nullx}`, 5, "a value is missing"},
	{`{a:1}`, 1, "a key is missing"},
	{`{"a":01}`, 6, "a comma or a closing bracket is missing"},
	{`{"a":-}`, 6, "a digit is missing"},
	{`{"a":1.}`, 7, "a digit is missing"},
	{`{"a":1e+}`, 8, "a digit is missing"},
	{`{"a":.5}`, 5, "a value is missing"},
	{`{"a":"b}`, 8, "the document ends early"},
	{`{"a":"b\`, 7, "an unknown escape in a string"},
	{`{"a":"\x"}`, 6, "an unknown escape in a string"},
	{`{"a":"\u12g4"}`, 6, "an unknown escape in a string"},
	{"{\"a\":\"\n\"}", 6, "a control character in a string"},
	{"{\"a\":\"long enough to skip\x01\"}", 25, "a control character in a string"},
	{"{\"a\":\"\xff\"}", 6, "bytes that are not UTF-8"},
	{"{\"a\":\"\xed\xa0\x80\"}", 6, "bytes that are not UTF-8"},
	{`{"a":"\u0000"}`, 6, `\u0000, which PostgreSQL cannot keep`},
	{`{"a":"\ud800"}`, 6, "half of a surrogate pair, which PostgreSQL cannot keep"},
	{`{"a":"\ud83d\u0041"}`, 6, "half of a surrogate pair, which PostgreSQL cannot keep"},
	{`{"a":"\ude00\ud83d"}`, 6, "half of a surrogate pair, which PostgreSQL cannot keep"},
	{`{} {}`, 3, "bytes after the JSON object"},
	{`{"a":` + strings.Repeat("[", 1000), 1004, "nested too deep"},
}

// taken are documents with what is rare in JSON.
var taken = []string{
	`{}`, " \t\r\n{ } ", `{"":""}`, `{"a":[]}`, `{"a":[[],{}]}`, `{"a":[1,-0,0.5,1E5,1e-5,-1.5e+5]}`,
	`{"a":"\" \\ \/ \b \f \n \r \t \u00e9 \uD83D\ude00"}`, "{\"a\":\"é \u007f 😀\"}", `{"a":1,"a":2}`,
	`{"a":` + strings.Repeat("[", 999) + strings.Repeat("]", 999) + `}`,
}

func TestAppendAidboxRefuses(t *testing.T) {
	t.Parallel()

	c := fhir.NewConverter(fhir.R4(), fhir.Options{})
	for _, test := range refused {
		got, err := c.AppendAidbox([]byte("before"), []byte(test.doc))
		var syntax *fhir.SyntaxError
		require.ErrorAs(t, err, &syntax, "%q", test.doc)
		require.Equal(t, fhir.SyntaxError{Offset: test.offset, Reason: test.reason}, *syntax, "%q", test.doc)
		require.Equal(t, "before", string(got))
	}
	for _, doc := range taken {
		got, err := c.AppendAidbox(nil, []byte(doc))
		require.NoError(t, err, doc)
		require.Equal(t, string(c.AppendFHIR(nil, []byte(doc))), string(got), doc)
	}
}

// TestPostgresAgrees asks PostgreSQL about the same documents. It takes arrays
// and scalars too, and what is nested deeper.
func TestPostgresAgrees(t *testing.T) {
	t.Parallel()

	conn := connect(t)
	takes := func(doc string) bool {
		var text string
		return conn.QueryRow(t.Context(), `SELECT convert_from($1::bytea, 'UTF8')::jsonb::text`, []byte(doc)).Scan(&text) == nil
	}
	for _, test := range refused {
		if test.reason == "not a JSON object" && test.doc != "" || test.reason == "nested too deep" {
			continue
		}
		require.False(t, takes(test.doc), "%q", test.doc)
	}
	for _, doc := range taken {
		require.True(t, takes(doc), "%q", doc)
	}
}

// TestDepth has documents as deep as they come: they pass, without a crash, and
// the first element that is too deep is reported.
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
			ResourceType: test.resourceType, Path: test.resourceType + test.path, Reason: "nested too deep",
		}}, issues)
	}
}
