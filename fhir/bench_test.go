package fhir_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/source/jsonb/jsonbtest"
)

// observation is a resource of typical size as PostgreSQL prints it.
const observation = `{"id": "8f2a6c1e-31b0-4a52-9d7e-0c5b2f6d9a11", "code": {"text": "Blood pressure panel", "coding": [{"code": "85354-9", "system": "http://loinc.org", "display": "Blood pressure panel with all children optional"}]}, "meta": {"profile": ["http://hl7.org/fhir/StructureDefinition/bp"], "createdAt": "2021-06-10T08:26:10.707454Z", "versionId": 481, "lastUpdated": "2021-06-10T08:26:10.707454Z"}, "issued": "2019-03-12T10:11:12.123+01:00", "status": "final", "subject": {"id": "2c1b1f0e-55aa-4a73-8a4c-5d1d6a6f8a10", "display": "Alice Example", "resourceType": "Patient"}, "category": [{"coding": [{"code": "vital-signs", "system": "http://terminology.hl7.org/CodeSystem/observation-category", "display": "Vital signs"}]}], "component": [{"code": {"coding": [{"code": "8480-6", "system": "http://loinc.org", "display": "Systolic blood pressure"}]}, "value": {"Quantity": {"code": "mm[Hg]", "unit": "mmHg", "value": 107.50, "system": "http://unitsofmeasure.org"}}}, {"code": {"coding": [{"code": "8462-4", "system": "http://loinc.org", "display": "Diastolic blood pressure"}]}, "value": {"Quantity": {"code": "mm[Hg]", "unit": "mmHg", "value": 60, "system": "http://unitsofmeasure.org"}}}], "effective": {"dateTime": "2019-03-12T10:11:12+01:00"}, "encounter": {"id": "6f1b1f0e-55aa-4a73-8a4c-5d1d6a6f8b21", "resourceType": "Encounter"}, "performer": [{"id": "91c2", "resourceType": "Practitioner"}], "resourceType": "Observation"}`

func BenchmarkAppendFHIR(b *testing.B) {
	doc := []byte(observation)
	c := fhir.NewConverter(fhir.R4(), fhir.Options{})
	var dst []byte
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		dst = c.AppendFHIRType(dst[:0], "Observation", doc)
	}
}

// BenchmarkAppendFHIRStored counts the bytes of the text, to be comparable.
func BenchmarkAppendFHIRStored(b *testing.B) {
	doc := jsonbtest.Encode([]byte(observation))
	c := fhir.NewConverter(fhir.R4(), fhir.Options{})
	var dst []byte
	b.SetBytes(int64(len(observation)))
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if dst, err = c.AppendFHIRStored(dst[:0], "Observation", doc); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendFHIRUnknownType(b *testing.B) {
	doc := []byte(observation)
	c := fhir.NewConverter(fhir.R4(), fhir.Options{})
	var dst []byte
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		dst = c.AppendFHIR(dst[:0], doc)
	}
}

func BenchmarkAppendAidbox(b *testing.B) {
	c := fhir.NewConverter(fhir.R4(), fhir.Options{})
	doc := c.AppendFHIR(nil, []byte(observation))
	var dst []byte
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if dst, err = c.AppendAidbox(dst[:0], doc); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCompact measures the standard library removing white space, for comparison.
func BenchmarkCompact(b *testing.B) {
	var dst bytes.Buffer
	b.SetBytes(int64(len(observation)))
	b.ReportAllocs()
	for b.Loop() {
		dst.Reset()
		if err := json.Compact(&dst, []byte(observation)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecodeEncode measures decoding to maps and encoding, for comparison with a
// conversion of maps.
func BenchmarkDecodeEncode(b *testing.B) {
	b.SetBytes(int64(len(observation)))
	b.ReportAllocs()
	for b.Loop() {
		var decoded map[string]any
		if err := json.Unmarshal([]byte(observation), &decoded); err != nil {
			b.Fatal(err)
		}
		if _, err := json.Marshal(decoded); err != nil {
			b.Fatal(err)
		}
	}
}
