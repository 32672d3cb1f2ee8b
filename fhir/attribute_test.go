package fhir_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
)

// attributes returns the attributes of the tests, in the form of rows of Aidbox's
// table.
var attributeRows = []string{
	`{"path": ["race", "text"], "type": {"id": "string", "resourceType": "Entity"}, "resource": {"id": "Patient", "resourceType": "Entity"}, "extensionUrl": "text"}`,
	`{"path": ["race", "category"], "type": {"id": "Coding", "resourceType": "Entity"}, "resource": {"id": "Patient", "resourceType": "Entity"}, "extensionUrl": "ombCategory", "isCollection": true}`,
	`{"path": ["race"], "resource": {"id": "Patient", "resourceType": "Entity"}, "extensionUrl": "http://example.org/race"}`,
	`{"path": ["clinic"], "type": {"id": "Reference", "resourceType": "Entity"}, "resource": {"id": "Patient", "resourceType": "Entity"}, "extensionUrl": "urn:clinic"}`,
	`{"path": ["contact", "since"], "type": {"id": "date", "resourceType": "Entity"}, "resource": {"id": "Patient", "resourceType": "Entity"}, "extensionUrl": "urn:since"}`,
	`{"path": ["meta", "tenant"], "type": {"id": "string", "resourceType": "Entity"}, "resource": {"id": "Patient", "resourceType": "Entity"}, "extensionUrl": "urn:tenant"}`,
	`{"path": ["managingOrganization", "role"], "type": {"id": "code", "resourceType": "Entity"}, "resource": {"id": "Patient", "resourceType": "Entity"}, "extensionUrl": "urn:role"}`,
	`{"path": ["visits"], "resource": {"id": "Patient"}, "extensionUrl": "urn:visit", "isCollection": true}`,
	`{"path": ["visits", "date"], "type": {"id": "date"}, "resource": {"id": "Patient"}, "extensionUrl": "date"}`,
	`{"path": ["visits", "seen"], "resource": {"id": "Patient"}, "extensionUrl": "seen", "isCollection": true}`,
	`{"path": ["visits", "seen", "by"], "type": {"id": "Reference"}, "resource": {"id": "Patient"}, "extensionUrl": "by"}`,
	`{"path": ["citizenship"], "type": {"id": "CodeableConcept", "resourceType": "Entity"}, "resource": {"id": "Patient", "resourceType": "Entity"}}`,
	`{"path": ["gender"], "type": {"id": "code", "resourceType": "Entity"}, "resource": {"id": "Patient", "resourceType": "Entity"}, "extensionUrl": "urn:gender"}`,
}

func attributes(tb testing.TB) []fhir.Attribute {
	tb.Helper()

	var all []fhir.Attribute
	for _, row := range attributeRows {
		a, err := fhir.ParseAttribute([]byte(row))
		require.NoError(tb, err)
		all = append(all, a)
	}
	return all
}

func TestParseAttribute(t *testing.T) {
	t.Parallel()

	a, err := fhir.ParseAttribute([]byte(attributeRows[1]))
	require.NoError(t, err)
	require.Equal(t, fhir.Attribute{
		ResourceType: "Patient", Path: []string{"race", "category"}, Type: "Coding", ExtensionURL: "ombCategory",
	}, a)

	for _, row := range []string{`{`, `{}`, `{"path": ["a"]}`, `{"path": [1], "resource": {"id": "Patient"}}`} {
		_, err := fhir.ParseAttribute([]byte(row))
		require.Error(t, err, row)
	}
}

// attributeTests are documents with first-class extensions.
var attributeTests = []struct {
	name, aidbox, fhir, issue string
}{
	{
		name:   "nested, one of them repeating",
		aidbox: `{"id": "1", "race": {"text": "x", "category": [{"code": "a"}, {"code": "b"}]}, "resourceType": "Patient"}`,
		fhir:   `{"id":"1","resourceType":"Patient","extension":[{"url":"http://example.org/race","extension":[{"url":"text","valueString":"x"},{"url":"ombCategory","valueCoding":{"code":"a"}},{"url":"ombCategory","valueCoding":{"code":"b"}}]}]}`,
	},
	{
		name:   "behind the extensions that are there",
		aidbox: `{"clinic": {"id": "o", "display": "d", "resourceType": "Organization"}, "extension": [{"url": "a", "valueString": "x"}], "resourceType": "Patient"}`,
		fhir:   `{"extension":[{"url":"a","valueString":"x"},{"url":"urn:clinic","valueReference":{"reference":"Organization/o","display":"d"}}],"resourceType":"Patient"}`,
	},
	{
		name:   "in a backbone element, once for each",
		aidbox: `{"contact": [{"since": "2020-01-02", "name": {"text": "x"}}, {"since": "2021-01-02"}], "resourceType": "Patient"}`,
		fhir:   `{"contact":[{"name":{"text":"x"},"extension":[{"url":"urn:since","valueDate":"2020-01-02"}]},{"extension":[{"url":"urn:since","valueDate":"2021-01-02"}]}],"resourceType":"Patient"}`,
	},
	{
		name:   "in meta, before createdAt",
		aidbox: `{"meta": {"createdAt": "2020-01-02T00:00:00Z", "tenant": "t", "versionId": "1"}, "resourceType": "Patient"}`,
		fhir:   `{"meta":{"versionId":"1","extension":[{"url":"urn:tenant","valueString":"t"},{"url":"ex:createdAt","valueInstant":"2020-01-02T00:00:00Z"}]},"resourceType":"Patient"}`,
	},
	{
		name:   "in a reference",
		aidbox: `{"managingOrganization": {"id": "o", "role": "r", "display": "d", "extension": [{"url": "a", "valueString": "x"}], "resourceType": "Organization"}, "resourceType": "Patient"}`,
		fhir:   `{"managingOrganization":{"reference":"Organization/o","display":"d","extension":[{"url":"a","valueString":"x"},{"url":"urn:role","valueCode":"r"}]},"resourceType":"Patient"}`,
	},
	{
		name:   "in a reference, behind its extensions",
		aidbox: `{"managingOrganization": {"extension": [{"url": "a", "valueString": "x"}], "role": "r", "id": "o", "type": "O", "resourceType": "O"}, "resourceType": "Patient"}`,
		fhir:   `{"managingOrganization":{"extension":[{"url":"a","valueString":"x"},{"url":"urn:role","valueCode":"r"}],"reference":"O/o","type":"O"},"resourceType":"Patient"}`,
	},
	{
		name:   "in a reference, of another kind",
		aidbox: `{"managingOrganization": {"id": "o", "role": {"a": 1}, "resourceType": "O"}, "resourceType": "Patient"}`,
		fhir:   `{"managingOrganization":{"reference":"O/o","role":{"a":1}},"resourceType":"Patient"}`,
		issue:  "Patient.managingOrganization.role: an element that cannot become an extension",
	},
	{
		name:   "deeper, where the middle one repeats",
		aidbox: `{"visits": [{"date": "2020", "seen": [{"by": {"id": "a", "resourceType": "O"}}]}, {"date": "2021", "extension": [{"url": "x", "valueCode": "c"}]}], "resourceType": "Patient"}`,
		fhir:   `{"resourceType":"Patient","extension":[{"url":"urn:visit","extension":[{"url":"date","valueDate":"2020"},{"url":"seen","extension":[{"url":"by","valueReference":{"reference":"O/a"}}]}]},{"url":"urn:visit","extension":[{"url":"x","valueCode":"c"},{"url":"date","valueDate":"2021"}]}]}`,
	},
	{
		name:   "an empty one",
		aidbox: `{"race": {}, "resourceType": "Patient"}`,
		fhir:   `{"resourceType":"Patient","extension":[{"url":"http://example.org/race"}]}`,
	},
	{
		name:   "an unknown element in a nested one stays in it",
		aidbox: `{"race": {"text": "x", "other": 1}, "resourceType": "Patient"}`,
		fhir:   `{"resourceType":"Patient","extension":[{"url":"http://example.org/race","other":1,"extension":[{"url":"text","valueString":"x"}]}]}`,
	},
	{
		name:   "in a contained resource",
		aidbox: `{"contained": [{"clinic": {"localRef": "o"}, "resourceType": "Patient"}], "resourceType": "Observation"}`,
		fhir:   `{"contained":[{"resourceType":"Patient","extension":[{"url":"urn:clinic","valueReference":{"reference":"#o"}}]}],"resourceType":"Observation"}`,
	},
	{
		name:   "one without a URL, one of FHIR's name, one of another type: as stored",
		aidbox: `{"gender": "male", "citizenship": {"text": "x"}, "resourceType": "Patient"}`,
		fhir:   `{"gender":"male","citizenship":{"text":"x"},"resourceType":"Patient"}`,
	},
	{
		name:   "a value of another kind",
		aidbox: `{"clinic": "x", "resourceType": "Patient"}`,
		fhir:   `{"clinic":"x","resourceType":"Patient"}`,
		issue:  "Patient.clinic: an element that cannot become an extension",
	},
	{
		name:   "an extension that comes twice but does not repeat",
		aidbox: `{"clinic": [{"id": "a", "resourceType": "O"}, {"id": "b", "resourceType": "O"}], "resourceType": "Patient"}`,
		fhir:   `{"resourceType":"Patient","extension":[{"url":"urn:clinic","valueReference":{"reference":"O/a"}},{"url":"urn:clinic","valueReference":{"reference":"O/b"}}]}`,
	},
}

func TestAttributes(t *testing.T) {
	t.Parallel()

	tables := fhir.R4().WithAttributes(attributes(t))
	for _, test := range attributeTests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()

			issue := ""
			c := fhir.NewConverter(tables, fhir.Options{Issue: func(i fhir.Issue) { issue = i.Path + ": " + i.Reason }})
			require.Equal(t, test.fhir, string(c.AppendFHIR(nil, []byte(test.aidbox))))
			require.Equal(t, test.issue, issue)
			require.Equal(t, test.fhir, string(c.AppendFHIR(nil, []byte(test.fhir))), "converted twice")
		})
	}
}

// TestWithAttributesLeavesTables: WithAttributes does not change its receiver.
func TestWithAttributesLeavesTables(t *testing.T) {
	t.Parallel()

	_ = fhir.R4().WithAttributes(attributes(t))
	c := fhir.NewConverter(fhir.R4(), fhir.Options{})
	doc := `{"race":{"text":"x"},"contact":[{"since":"2020"}],"resourceType":"Patient"}`
	require.Equal(t, doc, string(c.AppendFHIR(nil, []byte(doc))))
}
