package fhir_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
)

func TestAppendFHIRDump(t *testing.T) {
	t.Parallel()

	c := fhir.NewConverter(fhir.R4(), fhir.Options{})
	got := c.AppendFHIR([]byte("before "), []byte(`{"id": "pt-1", "meta": {"createdAt": "2021-06-10T08:26:10.707454Z", "versionId": 481, "lastUpdated": "2021-06-10T08:26:10.707454Z"}, "name": [{"given": ["Alice"]}], "citizenship": [{"code": {"text": "ru"}}], "resourceType": "Patient"}`))
	require.Equal(t, `before {"id":"pt-1","meta":{"versionId":481,"lastUpdated":"2021-06-10T08:26:10.707454Z","extension":[{"url":"ex:createdAt","valueInstant":"2021-06-10T08:26:10.707454Z"}]},"name":[{"given":["Alice"]}],"citizenship":[{"code":{"text":"ru"}}],"resourceType":"Patient"}`, string(got))
}

// TestReplace: a replacement takes the position that jsonb would give it, is converted
// like the member, and can be merged with the stored value.
func TestReplace(t *testing.T) {
	t.Parallel()
	merge := func(dst, stored []byte) []byte {
		return append(dst, strings.ReplaceAll(`{"createdAt": "2021", "source": "urn:stored"}`, "stored", string(stored))...)
	}
	replace := []fhir.Replacement{
		{Name: "id", Value: []byte(`"p"`)},
		{Name: "link", Value: []byte(`[{"other": {"id": "q", "resourceType": "Patient"}}]`)},
		{Name: "meta", Merge: merge},
		{Name: "resourceType", Value: []byte(`"Patient"`)},
	}
	const link, created = `"link":[{"other":{"reference":"Patient/q"}}]`, `"extension":[{"url":"ex:createdAt","valueInstant":"2021"}]`

	for stored, want := range map[string]string{
		`{}`: `{"id":"p",` + link + `,"meta":{"source":"urn:",` + created + `},"resourceType":"Patient"}`,
		`{"id": 1, "meta": 7, "name": [{"text": "x"}], "active": true, "managingOrganization": {"display": "y"}}`: `{"id":"p",` + link + `,"meta":{"source":"urn:7",` + created +
			`},"name":[{"text":"x"}],"active":true,"resourceType":"Patient","managingOrganization":{"display":"y"}}`,
		// These names are shorter, and longer, than they are written.
		`{"\"": 1, "\\\\\\": 2, "contained": [{"id": "c", "resourceType": "Group"}], "deceased": {"boolean": true}}`: `{"\"":1,"id":"p","\\\\\\":2,` + link + `,"meta":{"source":"urn:",` + created +
			`},"contained":[{"id":"c","resourceType":"Group"}],"deceasedBoolean":true,"resourceType":"Patient"}`,
		`[1]`: `[1]`,
	} {
		c := fhir.NewConverter(fhir.R4(), fhir.Options{})
		for range 2 { // it also knows then what to expect
			require.Equal(t, want, string(c.AppendFHIRType(nil, "Patient", []byte(stored), replace...)))
		}
	}

	c := fhir.NewConverter(fhir.R4(), fhir.Options{Subset: fhir.R4().Subset("Patient", []string{"active"})})
	got := string(c.AppendFHIRType(nil, "Patient", []byte(`{"active": true, "gender": "male"}`), replace...))
	require.Contains(t, got, `"active":true,"resourceType":"Patient"}`)
	require.Contains(t, got, link, "a replacement is always kept")
	require.Contains(t, got, "SUBSETTED")
}
