package fhir_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/source/jsonb"
	"github.com/seed-90096f4d/sluice/source/jsonb/jsonbtest"
)

// requireStored checks that a document has the same FHIR form and the same issues
// whether it is converted from its stored form or from the text of that.
func requireStored(t *testing.T, tables *fhir.Tables, options fhir.Options, resourceType string, doc []byte, replace ...fhir.Replacement) {
	t.Helper()

	stored := jsonbtest.Encode(doc)
	text, err := jsonb.AppendText(nil, stored)
	require.NoError(t, err)
	var wantIssues, gotIssues []fhir.Issue
	options.Issue = func(issue fhir.Issue) { wantIssues = append(wantIssues, issue) }
	want := fhir.NewConverter(tables, options).AppendFHIRType([]byte("#"), resourceType, text, replace...)

	options.Issue = func(issue fhir.Issue) { gotIssues = append(gotIssues, issue) }
	c := fhir.NewConverter(tables, options)
	for range 2 { // it also knows then what to expect
		gotIssues = nil
		got, err := c.AppendFHIRStored([]byte("#"), resourceType, stored, replace...)
		require.NoError(t, err)
		if !bytes.Equal(want, got) { // require.Equal alone is slow on big documents
			require.Equal(t, string(want), string(got), "%s", doc)
		}
		require.Equal(t, wantIssues, gotIssues, "%s", doc)
	}
}

// statedType returns the resourceType that a document states.
func statedType(doc []byte) string {
	var stated struct {
		ResourceType string `json:"resourceType"`
	}
	_ = json.Unmarshal(doc, &stated)
	return stated.ResourceType
}

// columns are replacements as rows have them.
var columns = []fhir.Replacement{
	{Name: "id", Value: []byte(`"a\"b"`)},
	{Name: "meta", Merge: func(dst, stored []byte) []byte {
		return append(append(append(dst, `{"source": `...), bytes.TrimSpace(append([]byte("  "), strings.Repeat("0", 1-min(len(stored), 1))+string(stored)...))...), `, "createdAt": "2020"}`...)
	}},
	{Name: "resourceType", Value: []byte(`"Patient"`)},
}

func TestStored(t *testing.T) {
	t.Parallel()

	withAttributes := fhir.R4().WithAttributes(attributes(t))
	var docs []string
	for _, g := range goldens(t) {
		docs = append(docs, g.aidbox, g.fhir)
	}
	for _, test := range attributeTests {
		docs = append(docs, test.aidbox, test.fhir)
	}
	docs = append(docs, observation, attributesDoc, `null`, `17`, `"text"`, `[]`, `[{"id": "x"}]`, `{}`,
		`{"\"": 1, "\\\\\\": 2, "\u0001\n": {}, "_\"": {}, "_birthDate": {"id": "\""}, "na\"me": [{}], "name": [{"gi\\ven": ["\t"], "given": [null, "\u001f"]}], "resourceType": "Patient"}`,
		`{"subject": {"id": "a\"\\\n\u0001b", "resourceType": "Pat\"ient"}, "value": {"string": "\"", "_string": {"id": "\\"}}, "_value": {"string": {"id": "x"}}, "resourceType": "Observation"}`,
		`{"subject": {"localRef": "\u0002"}, "focus": [{"uri": "\""}, {"id": "\\"}, {"id": "a/\""}, {"id": 1, "resourceType": "X"}, null, 1, "x"], "resourceType": "Observation"}`,
		`{"value": {"string": "a", "integer": 1}, "effective": {}, "component": {"value": {"Quantity": {"value": 1e-5}}}, "resourceType": "Observation"}`,
		`{"meta": {"createdAt": "\"\\", "extension": []}, "resourceType": "Patient"}`,
		`{"contained": [{"resourceType": null, "id": "x"}], "resourceType": "Patient"}`,
		`{"contained": [{"resourceType": 5, "id": "x"}], "resourceType": "Patient"}`,
		`{"contained": [{"resourceType": ["Patient"], "id": "x"}], "resourceType": "Patient"}`,
		`{"meta": {"createdAt": 1, "tag": 1}, "extension": {}, "race": {"text": {}}, "resourceType": "Patient"}`)
	for _, doc := range docs {
		for _, tables := range []*fhir.Tables{fhir.R4(), withAttributes} {
			requireStored(t, tables, fhir.Options{}, statedType([]byte(doc)), []byte(doc))
			requireStored(t, tables, fhir.Options{}, "Patient", []byte(doc), columns...)
			for _, resourceType := range []string{"Patient", "Observation", "Unknown"} {
				subset := tables.Subset(resourceType, []string{"name", "value", "extension", "valueQuantity"})
				requireStored(t, tables, fhir.Options{Subset: subset}, resourceType, []byte(doc), columns...)
			}
		}
	}
}

// TestStoredAttachments: an escape at the start of a URL is a character in the stored
// form.
func TestStoredAttachments(t *testing.T) {
	t.Parallel()

	for _, url := range []string{"Binary/1", "x", "/files/1", "//x", "#a", "?a", "", `\"`, `\\`, `\n`, `\u0001`, `a\"b`, `\\a:b`, "é/1", "https://x"} {
		doc := `{"photo": [{"url": "` + url + `"}, {"url": 1}], "resourceType": "Patient"}`
		requireStored(t, fhir.R4(), fhir.Options{Style: fhir.Style{AttachmentBaseURL: "https://h/\"f"}}, "Patient", []byte(doc))
	}
}

// TestStoredDepth: what is nested too deeply is written as stored.
func TestStoredDepth(t *testing.T) {
	t.Parallel()

	for resourceType, test := range map[string][2]string{
		"QuestionnaireResponse": {`{"resourceType":"QuestionnaireResponse","item":[`, `]}`},
		"Bundle":                {`{"resourceType":"Bundle","entry":[{"resource":`, `}]}`},
	} {
		for _, times := range []int{16, 17, 999, 1000, 1001, 3000} {
			requireStored(t, fhir.R4(), fhir.Options{}, resourceType, []byte(strings.Repeat(test[0], times)+`{}`+strings.Repeat(test[1], times)))
		}
	}
}

// TestStoredGenerated converts random resources of every type, and random documents
// that are no resources.
func TestStoredGenerated(t *testing.T) {
	t.Parallel()

	g := newGenerator(t, 11)
	for _, name := range g.types {
		for range 5 {
			g.left = 150
			resource := g.resource(name, 6)
			requireStored(t, fhir.R4(), fhir.Options{}, name, []byte(resource.aidbox))
			requireStored(t, fhir.R4(), fhir.Options{}, name, []byte(resource.fhir), columns...)
		}
	}
	for seed := range uint64(500) {
		text := jsonbtest.RandomText(rand.New(rand.NewPCG(seed, 0)), int(seed%6))
		requireStored(t, fhir.R4(), fhir.Options{}, "Patient", []byte(text), columns...)
	}
}

// TestStoredExamples converts the example resources of HL7's R4 publication.
func TestStoredExamples(t *testing.T) {
	t.Parallel()

	if testing.Short() {
		t.Skip("takes half a minute")
	}
	c := fhir.NewConverter(fhir.R4(), fhir.Options{})
	eachResource(t, filepath.Join(dataDir(t), "r4-examples"), func(_ string, doc []byte) {
		aidbox, err := c.AppendAidbox(nil, doc)
		require.NoError(t, err)
		requireStored(t, fhir.R4(), fhir.Options{}, statedType(doc), aidbox)
	})
}

// TestStoredMalformed: a document that is cut off, or has another byte anywhere, is
// converted or is an error, without a panic. dst keeps its content.
func TestStoredMalformed(t *testing.T) {
	t.Parallel()

	c := fhir.NewConverter(fhir.R4().WithAttributes(attributes(t)), fhir.Options{Style: fhir.Style{AttachmentBaseURL: "https://h/f"}})
	for resourceType, doc := range map[string]string{"Observation": observation, "Patient": attributesDoc} {
		stored := jsonbtest.Encode([]byte(doc))
		for n := range stored {
			got, err := c.AppendFHIRStored([]byte("#"), resourceType, stored[:n], columns...)
			require.ErrorIs(t, err, jsonb.ErrMalformed)
			require.Equal(t, "#", string(got))
		}
		random := rand.New(rand.NewPCG(1, 2))
		for n := range 20 * len(stored) {
			changed := bytes.Clone(stored)
			changed[n%len(stored)] ^= 1 << random.IntN(8)
			got, err := c.AppendFHIRStored([]byte("#"), resourceType, changed, columns...)
			require.Equal(t, byte('#'), got[0])
			if err != nil {
				require.ErrorIs(t, err, jsonb.ErrMalformed)
				require.Len(t, got, 1)
			}
		}
	}
}

// TestStoredLimit: a document is as long as the limit allows, or an error.
func TestStoredLimit(t *testing.T) {
	t.Parallel()

	c := fhir.NewConverter(fhir.R4(), fhir.Options{Style: fhir.Style{AttachmentBaseURL: "https://h/f"}})
	for _, doc := range []string{
		`"text"`, `17`, `{}`, `{"id": "x"}`, `{"unknown": "x"}`, `{"unknown": {}}`, `{"": null}`,
		`{"name": [{"family": "x"}, {"given": ["x"]}, "x"], "photo": [{"url": "Binary/1"}], "deceased": {"boolean": true}}`,
		`{"managingOrganization": {"id": "1", "resourceType": "Organization"}}`,
	} {
		stored := jsonbtest.Encode([]byte(doc))
		want, err := c.AppendFHIRStored(nil, "Patient", stored)
		require.NoError(t, err)
		got, err := c.AppendFHIRLimited([]byte("#"), "Patient", stored, len(want))
		require.NoError(t, err)
		require.Equal(t, "#"+string(want), string(got))
		for limit := range len(want) {
			got, err = c.AppendFHIRLimited([]byte("#"), "Patient", stored, limit)
			require.ErrorIs(t, err, jsonb.ErrTooLong, "%s, limit %d", doc, limit)
			require.Equal(t, "#", string(got))
		}
	}
}

// TestStoredLimitEarly: the conversion stops soon after the limit.
func TestStoredLimitEarly(t *testing.T) {
	t.Parallel()

	const limit, length, count = 10_000, 100, 10_000
	text := `"` + strings.Repeat("x", length) + `"`
	c := fhir.NewConverter(fhir.R4(), fhir.Options{Style: fhir.Style{AttachmentBaseURL: "https://h/f"}})
	for _, doc := range []string{
		`{"name": [` + strings.Repeat(`{"family": `+text+`},`, count) + `{}]}`,
		`{"name": [` + strings.Repeat(text+`,`, count) + `{}]}`,
		`{"photo": [` + strings.Repeat(`{"url": `+text+`},`, count) + `{}]}`,
		`{` + numbered(count, text) + `}`,
		`{"name": [{` + numbered(count, text) + `}]}`,
	} {
		got, err := c.AppendFHIRLimited(nil, "Patient", jsonbtest.Encode([]byte(doc)), limit)
		require.ErrorIs(t, err, jsonb.ErrTooLong)
		require.Less(t, cap(got), 3*limit, doc[:30])
	}
}

// numbered returns this many members with different names.
func numbered(count int, value string) string {
	members := make([]string, count)
	for i := range members {
		members[i] = fmt.Sprintf(`"member%d": %s`, i, value)
	}
	return strings.Join(members, ", ")
}

// FuzzAppendFHIRStored checks that no bytes cause a panic, and that the stored form of
// any JSON is converted like its text.
func FuzzAppendFHIRStored(f *testing.F) {
	f.Add(jsonbtest.Encode([]byte(observation)))
	f.Add(jsonbtest.Encode([]byte(attributesDoc)))
	for _, g := range goldens(f) {
		f.Add(jsonbtest.Encode([]byte(g.aidbox)))
	}
	tables := fhir.R4().WithAttributes(attributes(f))
	f.Fuzz(func(t *testing.T, doc []byte) {
		c := fhir.NewConverter(tables, fhir.Options{Issue: func(fhir.Issue) {}})
		got, err := c.AppendFHIRStored([]byte("#"), "Patient", doc, columns...)
		require.Equal(t, byte('#'), got[0])
		text, textErr := jsonb.AppendText(nil, doc)
		if err == nil && textErr == nil && json.Valid(text) {
			require.True(t, json.Valid(got[1:]), "%q", got)
		}
		if textErr == nil {
			require.NoError(t, err)
		}
	})
}
