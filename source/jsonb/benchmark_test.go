package jsonb_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source/jsonb"
	"github.com/seed-90096f4d/sluice/source/jsonb/jsonbtest"
)

// BenchmarkAppendText reports MB of text per second of CPU time, which does not depend
// on what else runs on the machine.
func BenchmarkAppendText(b *testing.B) {
	for name, docs := range benchmarkDocuments(b) {
		b.Run(name, func(b *testing.B) {
			var text []byte
			total, before := 0, cpuTime(b)
			for b.Loop() {
				for _, doc := range docs {
					var err error
					text, err = jsonb.AppendText(text[:0], doc)
					require.NoError(b, err)
					total += len(text)
				}
			}
			b.ReportMetric(float64(total)/float64((cpuTime(b)-before).Microseconds()), "MB/cpu-s")
		})
	}
}

// BenchmarkWalk reads all values by the iterators and appends each scalar on its own,
// as the FHIR converter does.
func BenchmarkWalk(b *testing.B) {
	for name, docs := range benchmarkDocuments(b) {
		b.Run(name, func(b *testing.B) {
			var text []byte
			total, before := 0, cpuTime(b)
			for b.Loop() {
				for _, doc := range docs {
					root, _ := jsonb.Root(doc)
					text = walk(text[:0], doc, root)
					total += len(text)
				}
			}
			b.ReportMetric(float64(total)/float64((cpuTime(b)-before).Microseconds()), "MB/cpu-s")
		})
	}
}

func walk(text, doc []byte, v jsonb.Value) []byte {
	switch jsonb.KindOf(doc, v) {
	case jsonb.Object:
		members := jsonb.MembersOf(doc, v)
		for members.Next(doc) {
			text = append(jsonb.AppendString(text, doc, members.NameStart, members.NameEnd), ':')
			text = append(walk(text, doc, members.Value), ',')
		}
	case jsonb.Array:
		items := jsonb.ItemsOf(doc, v)
		for items.Next(doc) {
			text = append(walk(text, doc, items.Value), ',')
		}
	default:
		text, _ = jsonb.AppendValue(text, doc, v, jsonb.Compact)
	}
	return text
}

func benchmarkDocuments(b *testing.B) map[string][][]byte {
	docs := map[string][][]byte{"observations": {}}
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		docs["observations"] = append(docs["observations"], jsonbtest.Encode([]byte(observation(r))))
	}
	for name, pattern := range map[string]string{"synthea": "synthea-bds/*.ndjson.gz", "r4-examples": "r4-examples/*.ndjson.gz"} {
		files, err := filepath.Glob(filepath.Join(publicData(), pattern))
		require.NoError(b, err)
		for _, file := range files {
			readLines(b, file, func(line []byte) { docs[name] = append(docs[name], jsonbtest.Encode(line)) })
		}
	}
	return docs
}

// observation returns an Observation in Aidbox's format of the size and the shape of
// those of the product's benchmark.
func observation(r *rand.Rand) string {
	pick := func(words string) string { all := strings.Split(words, ","); return all[r.IntN(len(all))] }
	id := func() string {
		return fmt.Sprintf("%08x-%04x-4000-8000-%012x", r.Uint32(), r.IntN(1<<16), r.Int64N(1<<48))
	}
	note := &strings.Builder{}
	for range r.IntN(100) {
		note.WriteString(pick(`the,patient,reports,denies,pain,of,no,mild,severe,\"as needed\",\nPlan:,symptoms,follow-up,in,clinic. ,laboratory`) + " ")
	}
	when := time.Unix(1_400_000_000+r.Int64N(315_360_000), 0).UTC().Format(time.RFC3339)
	return fmt.Sprintf(`{"status": "final", "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "%[1]s", "display": "%[1]s"}]}],
		"code": {"coding": [{"system": "http://loinc.org", "code": "%d-%d", "display": "%[4]s"}], "text": "%[4]s"},
		"subject": {"resourceType": "Patient", "id": "%[5]s", "display": "%[6]s"}, "encounter": {"resourceType": "Encounter", "id": "%[7]s"},
		"effective": {"dateTime": "%[8]s"}, "issued": "%[8]s", "performer": [{"resourceType": "Practitioner", "id": "%[9]s"}],
		"value": {"Quantity": {"value": %[10]d.%[11]d, "unit": "%[12]s", "system": "http://unitsofmeasure.org", "code": "%[12]s"}},
		"interpretation": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", "code": "%[13]s"}]}],
		"referenceRange": [{"low": {"value": %[14]d, "unit": "mmol/L"}, "high": {"value": %[10]d, "unit": "mmol/L"}, "text": "adults"}], "note": [{"text": "%[15]s"}]}`,
		pick("vital-signs,laboratory,survey"), r.IntN(90000), r.IntN(10), pick("Heart rate,Systolic blood pressure,Body temperature,Glucose [Moles/volume] in Serum or Plasma,Sodium,Haemoglobin A1c"),
		id(), pick("Anna,Bela,Carla,David,Erik,Fatima")+" "+pick("Adler,Berg,Costa,Dvorak,Eriksen"), id(), when, id(), r.IntN(180), r.IntN(100),
		pick("mmol/L,/min,Cel,mm[Hg]"), pick("N,N,N,H,L"), r.IntN(5), note)
}

// cpuTime returns the CPU time of the process.
func cpuTime(tb testing.TB) time.Duration {
	var usage syscall.Rusage
	require.NoError(tb, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
