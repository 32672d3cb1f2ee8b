package ndjson

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/jsonb/jsonbtest"
)

// observation is a resource of typical size, as PostgreSQL prints it.
var observation = `{"code": {"text": "Heart rate", "coding": [{"code": "8867-4", "system": "http://loinc.org", "display": "Heart rate"}]}, ` +
	`"meta": {"profile": ["http://hl7.org/fhir/StructureDefinition/heartrate"]}, "note": [{"text": "` + strings.Repeat(`at rest, \"seated\"; `, 30) + `"}], ` +
	`"value": {"Quantity": {"code": "/min", "unit": "beats/minute", "value": 71.0, "system": "http://unitsofmeasure.org"}}, ` +
	`"status": "final", "subject": {"id": "pt-1", "display": "Alice", "resourceType": "Patient"}, ` +
	`"category": [{"coding": [{"code": "vital-signs", "system": "http://terminology.hl7.org/CodeSystem/observation-category"}]}], ` +
	`"effective": {"dateTime": "2021-06-10T08:26:10Z"}}`

func observationRow() *source.Row {
	at := source.Time{Micros: 1623313570707454, Valid: true}
	return &source.Row{ID: []byte("obs-1"), TxID: 481, Changed: at, Created: at, Resource: []byte(observation)}
}

// storedRow is observationRow in the stored form.
func storedRow() *source.Row {
	row := observationRow()
	row.Resource, row.Stored = jsonbtest.Encode(row.Resource), true
	return row
}

// repeated returns the same row repeatedly.
type repeated struct {
	row  *source.Row
	next func() bool
}

func (r repeated) Next() bool       { return r.next() }
func (r repeated) Row() *source.Row { return r.row }
func (repeated) Err() error         { return nil }
func (repeated) Cancel()            {}

// Not parallel: AllocsPerRun counts the allocations of all goroutines.
func TestLinesAllocateNothing(t *testing.T) {
	for name, format := range map[string]Format{"Aidbox": {}, "FHIR": {FHIR: true}} {
		t.Run(name, func(t *testing.T) {
			f := NewFormatter("Observation", format, nil)
			for _, row := range []*source.Row{observationRow(), storedRow()} {
				line, err := f.Append(nil, row)
				require.NoError(t, err)
				require.Zero(t, testing.AllocsPerRun(1000, func() { line, _ = f.Append(line[:0], row) }))
			}
		})
	}
}

// A huge line reuses the buffer of the previous one. Otherwise each would leave
// garbage of its size, faster than the collector frees it.
func TestHugeLinesShareABuffer(t *testing.T) {
	const size, count = 5 << 20, 20
	row := observationRow()
	row.Resource = []byte(`{"implicitRules": "` + strings.Repeat("x", size) + `"}`)
	for name, opts := range map[string]Options{
		"Plain":    {},
		"FHIRGzip": {Format: Format{FHIR: true}, Gzip: true},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			read := 0
			rows := repeated{row, func() bool { read++; return read <= count }}
			_, err := Write(t.Context(), io.Discard, "Observation", rows, opts)
			require.NoError(t, err)
			runtime.ReadMemStats(&after)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(3*size))
		})
	}
}

// The memory of a huge meta is not kept until the end of the dump.
func TestHugeMetaIsLetGo(t *testing.T) {
	const size = 32 << 20
	for name, format := range map[string]Format{"Aidbox": {}, "FHIR": {FHIR: true}} {
		for _, stored := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " stored=", stored), func(t *testing.T) {
				row := observationRow()
				huge, empty := []byte(`{"meta": {"source": "`+strings.Repeat("x", size)+`"}}`), []byte(`{}`)
				if row.Stored = stored; stored {
					huge, empty = jsonbtest.Encode(huge), jsonbtest.Encode(empty)
				}
				row.Resource = huge
				f := NewFormatter("Observation", format, nil)
				line, err := f.Append(nil, row)
				require.NoError(t, err)
				require.Greater(t, len(line), size)
				line, row.Resource = nil, empty

				var memory runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&memory)
				require.Less(t, memory.HeapAlloc, uint64(size))
				line, err = f.Append(line, row)
				require.NoError(t, err)
				require.NotEmpty(t, line)
			})
		}
	}
}

// Invalid JSON is written as it is. Rows of a table do not contain any.
func TestBrokenDocuments(t *testing.T) {
	t.Parallel()
	f := NewFormatter("Observation", Format{FHIR: true}, func(Issue) {})
	row := observationRow()
	for n := 1; n < len(observation); n++ {
		row.Resource = []byte(observation[:n])
		line, err := f.Append(nil, row)
		require.NoError(t, err)
		require.Equal(t, observation[:n], string(line))
	}
}

func BenchmarkSplice(b *testing.B) { benchmarkLine(b, observationRow(), Format{}) }

func BenchmarkSpliceStored(b *testing.B) { benchmarkLine(b, storedRow(), Format{}) }

func BenchmarkFHIR(b *testing.B) { benchmarkLine(b, observationRow(), Format{FHIR: true}) }

func BenchmarkFHIRStored(b *testing.B) { benchmarkLine(b, storedRow(), Format{FHIR: true}) }

func benchmarkLine(b *testing.B, row *source.Row, format Format) {
	f := NewFormatter("Observation", format, nil)
	var line []byte
	b.SetBytes(int64(len(observation)))
	b.ReportAllocs()
	for b.Loop() {
		line, _ = f.Append(line[:0], row)
	}
}

func BenchmarkWrite(b *testing.B) {
	for name, opts := range map[string]Options{
		"Plain":    {},
		"Gzip":     {Gzip: true},
		"FHIR":     {Format: Format{FHIR: true}},
		"FHIRGzip": {Format: Format{FHIR: true}, Gzip: true},
	} {
		b.Run(name, func(b *testing.B) {
			rows := repeated{observationRow(), b.Loop}
			b.SetBytes(int64(len(observation)))
			b.ReportAllocs()
			_, err := Write(b.Context(), io.Discard, "Observation", rows, opts)
			require.NoError(b, err)
		})
	}
}
