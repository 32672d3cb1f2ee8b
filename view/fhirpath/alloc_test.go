package fhirpath_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/view/fhirpath"
)

// observation is a resource of typical size, as the converter to FHIR writes it.
const observation = `{"id":"1b0a9aa4-6f0e-4bd2-b2b5-2f1c0a8f3c55","meta":{"profile":["http://hl7.org/fhir/us/core/StructureDefinition/us-core-blood-pressure"],"versionId":"481","lastUpdated":"2021-06-10T08:26:13.570Z"},` +
	`"code":{"text":"Blood Pressure","coding":[{"code":"85354-9","system":"http://loinc.org","display":"Blood pressure panel with all children optional"}]},"issued":"2021-06-10T08:26:10.123+02:00","status":"final",` +
	`"subject":{"reference":"Patient/0f5a1b0e-84a4-4a2b-8b21-a6a0b6bd4f41"},"category":[{"coding":[{"code":"vital-signs","system":"http://terminology.hl7.org/CodeSystem/observation-category","display":"Vital signs"}]}],` +
	`"component":[{"code":{"text":"Diastolic Blood Pressure","coding":[{"code":"8462-4","system":"http://loinc.org","display":"Diastolic Blood Pressure"}]},"valueQuantity":{"code":"mm[Hg]","unit":"mm[Hg]","value":83,"system":"http://unitsofmeasure.org"}},` +
	`{"code":{"text":"Systolic Blood Pressure","coding":[{"code":"8480-6","system":"http://loinc.org","display":"Systolic Blood Pressure"}]},"valueQuantity":{"code":"mm[Hg]","unit":"mm[Hg]","value":115.0,"system":"http://unitsofmeasure.org"}}],` +
	`"encounter":{"reference":"Encounter/7ddf2b45-60fb-4a2a-a2b1-1f6d3a1f9c0a"},"effectiveDateTime":"2021-06-10T08:26:10+02:00","valueQuantity":{"code":"kg","unit":"kg","value":71.0,"system":"http://unitsofmeasure.org"},"resourceType":"Observation"}`

// columns are those of a view over Observation.
var columns = []string{
	`getResourceKey()`,
	`subject.getReferenceKey(Patient)`,
	`encounter.getReferenceKey(Encounter)`,
	`status`,
	`code.coding.where(system = 'http://loinc.org').code.first()`,
	`effective.ofType(dateTime)`,
	`component.where(code.coding.exists(system = 'http://loinc.org' and code = '8480-6')).value.ofType(Quantity).value.first()`,
	`value.ofType(Quantity).unit`,
}

func compileColumns(tb testing.TB, columns []string) (compiled []*fhirpath.Expression) {
	tb.Helper()
	for _, c := range columns {
		x, err := fhirpath.Compile(c, fhirpath.Scope{Tables: fhir.R4(), Resource: "Observation", Focus: "Observation", AtRoot: true})
		require.NoError(tb, err, c)
		compiled = append(compiled, x)
	}
	return compiled
}

// Not parallel: AllocsPerRun counts the allocations of all goroutines.
func TestEvaluationAllocatesNothing(t *testing.T) {
	e, resource := fhirpath.NewEvaluator(fhir.R4()), []byte(observation)
	var index fhirpath.Index
	var items []fhirpath.Value
	for _, c := range append([]string{
		`code.text = 'x' or status != 'y'`, `effective.ofType(dateTime) > @2020-01-01`, `value.ofType(Quantity).value * 2 + 1.5`, `value.ofType(Quantity).value / 3`,
		`component.code.coding.code.join(', ')`, `%rowIndex`, `component[1].code = component[1].code`, `component.where($index = 1).value.unit`,
		`effective.lowBoundary()`, `extension('x').value`, `code.extension('x').value`, `value.ofType(Quantity) < 80 'kg'`, `-value.ofType(Quantity).value`, `code.coding.display + '!'`,
		`value.exists() and code.exists()`, `status.extension('x')`,
	}, columns...) {
		x := compileColumns(t, []string{c})[0]
		run := func() {
			var err error
			index.Reset(resource)
			e.Reset("Observation", &index)
			if items, err = e.Append(items[:0], x, e.Root(), 0); err != nil {
				t.Fatal(err)
			}
			for _, v := range items {
				e.Text(v)
			}
		}
		run()
		require.Zero(t, testing.AllocsPerRun(100, run), c)
	}
}

func BenchmarkEvalObservation(b *testing.B) { benchmark(b, columns) }

func BenchmarkEvalIndex(b *testing.B) { benchmark(b, nil) }

func BenchmarkEvalColumn(b *testing.B) {
	for _, c := range columns {
		b.Run(c, func(b *testing.B) { benchmark(b, []string{c}) })
	}
}

// benchmark evaluates expressions on a resource; the size is that of the resource.
func benchmark(b *testing.B, columns []string) {
	compiled, resource := compileColumns(b, columns), []byte(observation)
	e := fhirpath.NewEvaluator(fhir.R4())
	var index fhirpath.Index
	var items []fhirpath.Value
	b.SetBytes(int64(len(resource)))
	b.ReportAllocs()
	for b.Loop() {
		index.Reset(resource)
		e.Reset("Observation", &index)
		for _, x := range compiled {
			var err error
			if items, err = e.Append(items[:0], x, e.Root(), 0); err != nil {
				b.Fatal(err)
			}
			for _, v := range items {
				e.Text(v)
			}
		}
	}
}
