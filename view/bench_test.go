package view_test

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/view"
)

// observationView has eight columns.
const observationView = `{"resource":"Observation","select":[{"column":[
	{"name":"id","path":"getResourceKey()"},
	{"name":"patient_id","path":"subject.getReferenceKey(Patient)"},
	{"name":"status","path":"status"},
	{"name":"effective","path":"effective.ofType(dateTime)"},
	{"name":"code","path":"code.coding.where(system = 'http://loinc.org').code.first()"},
	{"name":"display","path":"code.coding.display.first()"},
	{"name":"value","path":"value.ofType(Quantity).value"},
	{"name":"unit","path":"value.ofType(Quantity).unit"}]}]}`

// bloodPressureView has a row for each component.
const bloodPressureView = `{"resource":"Observation","where":[{"path":"status = 'final'"}],"select":[
	{"column":[{"name":"id","path":"getResourceKey()"},{"name":"patient_id","path":"subject.getReferenceKey(Patient)"},{"name":"effective","path":"effective.ofType(dateTime)"}]},
	{"forEachOrNull":"component","column":[{"name":"code","path":"code.coding.first().code"},{"name":"value","path":"value.ofType(Quantity).value"},{"name":"i","path":"%rowIndex"}]}]}`

func BenchmarkEvaluator(b *testing.B) {
	for name, resources := range benchmarkResources(b) {
		for title, document := range map[string]string{"8columns": observationView, "components": bloodPressureView} {
			v, err := view.Parse([]byte(document), fhir.R4())
			require.NoError(b, err)
			b.Run(name+"/"+title, func(b *testing.B) { benchmarkView(b, v, resources) })
		}
	}
}

// BenchmarkProduct measures a row of a product.
func BenchmarkProduct(b *testing.B) {
	benchmarkView(b, parse(b, patients(productView)), [][]byte{wide(999, 99)})
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, err := view.Parse([]byte(observationView), fhir.R4())
		require.NoError(b, err)
	}
}

func benchmarkView(b *testing.B, v *view.View, resources [][]byte) {
	b.Helper()
	e := v.NewEvaluator()
	var size, rows int64
	for _, resource := range resources {
		size += int64(len(resource))
	}
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		for _, resource := range resources {
			for e.Reset(resource); e.Next(); rows++ {
				_ = e.Row()
			}
		}
	}
	require.NoError(b, e.Err())
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/row")
}

// benchmarkResources returns Observations: generated ones and public ones, if they are here.
func benchmarkResources(b *testing.B) map[string][][]byte {
	b.Helper()
	resources := map[string][][]byte{}
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		resources["generated"] = append(resources["generated"], compact(b, []byte(observation(r))))
	}
	files, err := filepath.Glob(filepath.Join(publicData(), "synthea-bds", "Observation*.ndjson.gz"))
	require.NoError(b, err)
	for _, file := range files {
		resources["synthea"] = append(resources["synthea"], readLines(b, file)...)
	}
	return resources
}

func readLines(tb testing.TB, path string) (lines [][]byte) {
	tb.Helper()
	file, err := os.Open(path)
	require.NoError(tb, err)
	defer func() { _ = file.Close() }()
	unzipped, err := gzip.NewReader(file)
	require.NoError(tb, err)
	scanner := bufio.NewScanner(unzipped)
	scanner.Buffer(nil, 1<<28)
	for scanner.Scan() {
		lines = append(lines, compact(tb, scanner.Bytes()))
	}
	require.NoError(tb, scanner.Err())
	return lines
}

// observation returns an Observation with its members in the order of jsonb.
func observation(r *rand.Rand) string {
	id := func() string {
		return fmt.Sprintf("%08x-%04x-4000-8000-%012x", r.Uint32(), r.IntN(1<<16), r.Int64N(1<<48))
	}
	when := time.Unix(1_400_000_000+r.Int64N(315_360_000), 0).UTC().Format(time.RFC3339)
	return fmt.Sprintf(`{"id":"%[1]s","code":{"text":"Body Weight","coding":[{"code":"29463-7","system":"http://loinc.org","display":"Body Weight"}]},
		"meta":{"versionId":"1","lastUpdated":"%[2]s"},"issued":"%[2]s","status":"final","subject":{"reference":"Patient/%[3]s","display":"Anna Berg"},
		"category":[{"coding":[{"code":"vital-signs","system":"http://terminology.hl7.org/CodeSystem/observation-category","display":"vital-signs"}]}],
		"encounter":{"reference":"Encounter/%[4]s"},"performer":[{"reference":"Practitioner/%[5]s"}],"resourceType":"Observation",
		"valueQuantity":{"code":"kg","unit":"kg","value":%[6]d.%[7]d,"system":"http://unitsofmeasure.org"},"effectiveDateTime":"%[2]s"}`,
		id(), when, id(), id(), id(), r.IntN(180), r.IntN(100))
}
