package pass_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/table"
	"github.com/seed-90096f4d/sluice/table/pass"
	"github.com/seed-90096f4d/sluice/view"
)

// observation is a resource of typical size, as PostgreSQL prints it.
var observation = `{"code": {"text": "Heart rate", "coding": [{"code": "8867-4", "system": "http://loinc.org", "display": "Heart rate"}]}, ` +
	`"note": [{"text": "` + strings.Repeat(`at rest, \"seated\"; `, 30) + `"}], "value": {"Quantity": {"code": "/min", "unit": "beats/minute", "value": 71.0, "system": "http://unitsofmeasure.org"}}, ` +
	`"issued": "2021-06-10T08:26:10Z", "status": "final", "subject": {"id": "pt-1", "display": "Alice", "resourceType": "Patient"}, ` +
	`"category": [{"coding": [{"code": "vital-signs", "system": "http://terminology.hl7.org/CodeSystem/observation-category"}]}], ` +
	`"effective": {"dateTime": "2021-06-10T08:26:10Z"}, "encounter": {"id": "enc-1", "resourceType": "Encounter"}}`

// repeated returns the same row repeatedly.
type repeated struct {
	row  *source.Row
	next func() bool
}

func (r repeated) Next() bool       { return r.next() }
func (r repeated) Row() *source.Row { return r.row }
func (repeated) Err() error         { return nil }
func (repeated) Cancel()            {}

// observations are views of 8, 4 and 4 columns.
func observations(b *testing.B) (views []*view.View) {
	b.Helper()
	for _, columns := range []string{
		`{"name": "id", "path": "getResourceKey()"}, {"name": "patient", "path": "subject.getReferenceKey(Patient)"}, {"name": "encounter", "path": "encounter.getReferenceKey(Encounter)"},
		{"name": "status", "path": "status"}, {"name": "code", "path": "code.coding.first().code"}, {"name": "effective", "path": "effective.ofType(dateTime)"},
		{"name": "value", "path": "value.ofType(Quantity).value"}, {"name": "unit", "path": "value.ofType(Quantity).unit"}`,
		`{"name": "id", "path": "getResourceKey()"}, {"name": "category", "path": "category.coding.code.first()"}, {"name": "issued", "path": "issued"}, {"name": "display", "path": "code.text"}`,
		`{"name": "id", "path": "getResourceKey()"}, {"name": "version", "path": "meta.versionId"}, {"name": "changed", "path": "meta.lastUpdated"}, {"name": "status", "path": "status"}`,
	} {
		v, err := view.Parse([]byte(`{"resource": "Observation", "status": "active", "name": "v", "select": [{"column": [`+columns+`]}]}`), fhir.R4())
		require.NoError(b, err)
		views = append(views, v)
	}
	return views
}

func BenchmarkRun(b *testing.B) {
	views := observations(b)
	for name, test := range map[string]struct {
		views  []*view.View
		format table.Format
	}{
		"CSV":      {views[:1], table.CSV},
		"NDJSON":   {views[:1], table.NDJSON},
		"Parquet":  {views[:1], table.Parquet},
		"CSVThree": {views, table.CSV},
	} {
		b.Run(name, func(b *testing.B) {
			var outputs []pass.Output
			for _, v := range test.views {
				outputs = append(outputs, pass.Output{
					View: v, Options: table.Options{Format: test.format},
					Next: func(context.Context) (io.Writer, error) { return io.Discard, nil },
				})
			}
			b.SetBytes(int64(len(observation)))
			b.ReportAllocs()
			from := repeated{stored(row("obs-1", observation)), b.Loop}
			_, err := pass.Run(b.Context(), "Observation", []repeated{from}, outputs, pass.Options{})
			require.NoError(b, err)
		})
	}
}
