package fhir_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
)

func TestSubset(t *testing.T) {
	t.Parallel()
	const tag = `{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}`

	for _, test := range []struct{ resourceType, elements, stored, want string }{
		{
			"Patient", "name",
			`{"id": "p", "meta": {"versionId": "1"}, "name": [{"family": "x"}], "active": true, "gender": "male", "_gender": {"id": "g"}, "resourceType": "Patient"}`,
			`{"id":"p","meta":{"versionId":"1","tag":[` + tag + `]},"name":[{"family":"x"}],"resourceType":"Patient"}`,
		},
		{
			"Patient", "gender,birthDate",
			`{"id": "p", "meta": {"tag": [{"code": "x"}]}, "gender": "male", "_gender": {"id": "g"}, "_birthDate": {"id": "b"}, "implicitRules": "urn:x", "modifierExtension": [{"url": "urn:y"}], "resourceType": "Patient"}`,
			`{"id":"p","meta":{"tag":[{"code":"x"},` + tag + `]},"gender":"male","_gender":{"id":"g"},"_birthDate":{"id":"b"},"implicitRules":"urn:x","modifierExtension":[{"url":"urn:y"}],"resourceType":"Patient"}`,
		},
		{ // mandatory ones stay: status and code of an Observation
			"Observation", "",
			`{"id": "o", "code": {"text": "c"}, "meta": {}, "value": {"Quantity": {"value": 1.0}}, "status": "final", "subject": {"id": "p", "resourceType": "Patient"}, "resourceType": "Observation"}`,
			`{"id":"o","code":{"text":"c"},"meta":{"tag":[` + tag + `]},"status":"final","resourceType":"Observation"}`,
		},
		{ // a choice, by its name, in Aidbox's form and in FHIR's
			"Observation", "value",
			`{"id": "o", "meta": {"tag": []}, "value": {"Quantity": {"value": 1.0}}, "status": "final", "resourceType": "Observation"}`,
			`{"id":"o","meta":{"tag":[` + tag + `]},"valueQuantity":{"value":1.0},"status":"final","resourceType":"Observation"}`,
		},
		{
			"Observation", "value[x]",
			`{"id": "o", "meta": {}, "status": "final", "valueString": "x", "_valueString": {"id": "i"}, "effectiveDateTime": "2020", "resourceType": "Observation"}`,
			`{"id":"o","meta":{"tag":[` + tag + `]},"status":"final","valueString":"x","_valueString":{"id":"i"},"resourceType":"Observation"}`,
		},
		{
			"Observation", "valueQuantity",
			`{"id": "o", "meta": {}, "value": {"Quantity": {"value": 1.0}}, "resourceType": "Observation"}`,
			`{"id":"o","meta":{"tag":[` + tag + `]},"valueQuantity":{"value":1.0},"resourceType":"Observation"}`,
		},
		{ // a mandatory choice
			"MedicationRequest", "note",
			`{"id": "m", "meta": {}, "medication": {"CodeableConcept": {"text": "x"}}, "authoredOn": "2020", "resourceType": "MedicationRequest"}`,
			`{"id":"m","meta":{"tag":[` + tag + `]},"medicationCodeableConcept":{"text":"x"},"resourceType":"MedicationRequest"}`,
		},
		{ // root elements alone: those of contained resources stay
			"Observation", "contained",
			`{"id": "o", "meta": {}, "contained": [{"id": "c", "resourceType": "Patient", "active": true}], "note": [], "resourceType": "Observation"}`,
			`{"id":"o","meta":{"tag":[` + tag + `]},"contained":[{"id":"c","resourceType":"Patient","active":true}],"resourceType":"Observation"}`,
		},
		{ // marked already
			"Patient", "name", `{"id": "p", "meta": {"tag": [` + tag + `]}, "resourceType": "Patient"}`,
			`{"id":"p","meta":{"tag":[` + tag + `]},"resourceType":"Patient"}`,
		},
		{"Patient", "name", `null`, `null`},
	} {
		subset := fhir.R4().Subset(test.resourceType, strings.FieldsFunc(test.elements, func(r rune) bool { return r == ',' }))
		c := fhir.NewConverter(fhir.R4(), fhir.Options{Subset: subset})
		before := []byte("before ")
		got := string(c.AppendFHIRType(before, test.resourceType, []byte(test.stored)))
		require.Equal(t, "before "+test.want, got, "%s of %s", test.elements, test.stored)
		require.True(t, json.Valid([]byte(test.want)))
	}
}

// A projection leaves no trace: neither mandatory elements nor a tag.
func TestProjection(t *testing.T) {
	t.Parallel()
	const stored = `{"id": "o", "code": {"text": "c"}, "meta": {"tag": [{"code": "x"}], "source": "s"}, "value": {"Quantity": {"value": 1.0}}, "status": "final", "_status": {"id": "i"}, "subject": {"id": "p", "resourceType": "Patient"}, "resourceType": "Observation"}`
	for elements, want := range map[string]string{
		"":              `{}`,
		"value":         `{"valueQuantity":{"value":1.0}}`,
		"valueQuantity": `{"valueQuantity":{"value":1.0}}`,
		"status":        `{"status":"final","_status":{"id":"i"}}`,
		"id,meta":       `{"id":"o","meta":{"tag":[{"code":"x"}],"source":"s"}}`,
		"subject,x":     `{"subject":{"reference":"Patient/p"}}`,
	} {
		subset := fhir.R4().Projection("Observation", strings.Split(elements, ","))
		c := fhir.NewConverter(fhir.R4(), fhir.Options{Subset: subset})
		require.Equal(t, want, string(c.AppendFHIRType(nil, "Observation", []byte(stored))), elements)
	}
}

// TestSubsetOfAttributes: an attribute is an extension in FHIR, and kept with the
// extensions.
func TestSubsetOfAttributes(t *testing.T) {
	t.Parallel()
	race, err := fhir.ParseAttribute([]byte(`{"path": ["race"], "resource": {"id": "Patient", "resourceType": "Entity"}, "type": {"id": "code", "resourceType": "Entity"}, "extensionUrl": "urn:race"}`))
	require.NoError(t, err)
	tables := fhir.R4().WithAttributes([]fhir.Attribute{race})
	convert := func(element string) string {
		c := fhir.NewConverter(tables, fhir.Options{Subset: tables.Subset("Patient", []string{element})})
		return string(c.AppendFHIRType(nil, "Patient", []byte(`{"id": "p", "race": "x", "gender": "male", "resourceType": "Patient"}`)))
	}
	require.Contains(t, convert("extension"), `"extension":[{"url":"urn:race","valueCode":"x"}]`)
	require.NotContains(t, convert("gender"), "race")
}

func TestHasElement(t *testing.T) {
	t.Parallel()
	for name, has := range map[string]bool{
		"name": true, "id": true, "meta": true, "extension": true, "deceased": true, "deceased[x]": true, "deceasedBoolean": true,
		"family": false, "": false, "name[x]": false, "Name": false, "_name": false,
	} {
		require.Equal(t, has, fhir.R4().HasElement("Patient", name), name)
	}
	require.False(t, fhir.R4().HasElement("Nonsense", "id"))
}

func TestAttachments(t *testing.T) {
	t.Parallel()
	for stored, want := range map[string]string{
		"Binary/1":                    "https://fhir.example.org/r4/Binary/1",
		"x":                           "https://fhir.example.org/r4/x",
		"Binary/a:b":                  "https://fhir.example.org/r4/Binary/a:b",
		"/files/1":                    "https://fhir.example.org/files/1",
		"https://elsewhere.org/1":     "https://elsewhere.org/1",
		"urn:oid:1.2":                 "urn:oid:1.2",
		"data:text/plain;base64,eA==": "data:text/plain;base64,eA==",
		"//elsewhere.org/1":           "//elsewhere.org/1",
		"#contained":                  "#contained",
		"":                            "",
	} {
		for _, base := range []string{"https://fhir.example.org/r4", "https://fhir.example.org/r4/"} {
			c := fhir.NewConverter(fhir.R4(), fhir.Options{Style: fhir.Style{AttachmentBaseURL: base}})
			doc := `{"id": "d", "content": [{"attachment": {"url": "` + stored + `", "title": "Binary/1"}}], "resourceType": "DocumentReference"}`
			require.Equal(t, `{"id":"d","content":[{"attachment":{"url":"`+want+`","title":"Binary/1"}}],"resourceType":"DocumentReference"}`,
				string(c.AppendFHIRType(nil, "DocumentReference", []byte(doc))))
		}
		c := fhir.NewConverter(fhir.R4(), fhir.Options{})
		require.Contains(t, string(c.AppendFHIRType(nil, "Patient", []byte(`{"photo": [{"url": "`+stored+`"}], "resourceType": "Patient"}`))), `"url":"`+stored+`"`)
	}
	// In a choice and in an extension, too; what is no string passes.
	c := fhir.NewConverter(fhir.R4(), fhir.Options{Style: fhir.Style{AttachmentBaseURL: "https://h/f"}})
	got := string(c.AppendFHIRType(nil, "Observation", []byte(`{"extension": [{"url": "Binary/1", "valueAttachment": {"url": "Binary/1"}}, {"url": "x", "valueAttachment": {"url": 1}}]}`)))
	require.Equal(t, `{"extension":[{"url":"Binary/1","valueAttachment":{"url":"https://h/f/Binary/1"}},{"url":"x","valueAttachment":{"url":1}}]}`, got) //nolint:testifylint // byte for byte
}
