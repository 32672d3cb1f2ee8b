package ndjson_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
)

// names are member names that are close to those of the splicer in the order of
// jsonb, which sorts by length and then by the bytes of the unescaped name.
var names = []string{
	"", "a", "z", "ia", "ic", "id", "ie", "zz", "é", "\"", "\\", "\"\"", "\n\t", "\x01", "ID",
	"mes", "meta", "metb", "mesz", "éé", "\x01\x02\x03\x04", "m\"ta", "name", "{}[]",
	"createdAs", "createdAt", "createdAu", "versionIc", "versionId", "versionIe", "日本語",
	"lastUpdated", "lastUpdatec", "lastUpdatee", "resourceTypd", "resourceType", "resourceTypf",
	"participant", "日本語日", "éééééé", "resourceType2", "a longer name than any of ours, with }, ] and \": inside",
	"\\u0041", strings.Repeat("\"", 70), strings.Repeat("n", 70),
}

func TestNastyDocuments(t *testing.T) {
	t.Parallel()
	o := newOracle(t)
	documents := []string{
		`{}`, `[]`, `[1, {"id": "x"}]`, `"text"`, `17`, `null`, `true`,
		`{"meta": null}`, `{"meta": {}}`, `{"meta": []}`, `{"meta": "x"}`, `{"meta": 1}`, `{"meta": {"meta": {"meta": {}}}}`,
		`{"id": "stored", "resourceType": "Stored", "meta": {"createdAt": "stored", "lastUpdated": null, "versionId": {"a": [1]}}}`,
		`{"id": {"id": [1, 2]}, "meta": {"tag": [{"code": "}"}], "profile": ["\\\"}"]}, "name": [{"given": ["Alice"]}]}`,
		`{"text": {"div": "<div class=\"a\">{[\\\\\"}, \u0001 \\u0041 \ud83d\ude00</div>\\"}, "a": "\\", "n": -1.50e+300, "z": 0.000}`,
		`{"big": "` + strings.Repeat("long \\\" and }, ", 100_000) + `", "meta": {"tag": "` + strings.Repeat("x", 70_000) + `"}}`,
	}
	for _, name := range names {
		quoted := jsonText(name)
		documents = append(documents,
			fmt.Sprintf(`{%s: 1}`, quoted),
			fmt.Sprintf(`{%s: {"a": "}"}, "meta": {%s: [[], {}]}}`, quoted, quoted),
			fmt.Sprintf(`{"id": 1, "meta": {"versionId": 1, %s: "\""}, %s: [{}], "resourceType": null, "zzzzzzzzzzzzzzzz": 1}`, quoted, quoted))
	}
	o.insert(t, documents)

	o.requireSame(t, ndjson.Format{})
	o.requireSame(t, ndjson.Format{Style: fhir.Style{VersionIDAsString: true}})
	o.requireConverted(t)
}

func TestRandomDocuments(t *testing.T) {
	t.Parallel()
	o := newOracle(t)
	random := rand.New(rand.NewPCG(1, 2))
	documents := make([]string, 1000)
	for i := range documents {
		documents[i] = jsonText(randomObject(random, 4))
	}
	o.insert(t, documents)

	o.requireSame(t, ndjson.Format{})
	o.requireConverted(t)
}

func randomObject(random *rand.Rand, depth int) map[string]any {
	object := map[string]any{}
	for range random.IntN(12) {
		object[names[random.IntN(len(names))]] = randomValue(random, depth-1)
	}
	if random.IntN(2) == 0 {
		object["meta"] = randomValue(random, depth-1)
	}
	return object
}

func randomValue(random *rand.Rand, depth int) any {
	switch kind := random.IntN(10); {
	case depth > 0 && kind < 4:
		return randomObject(random, depth)
	case depth > 0 && kind == 4:
		return []any{randomValue(random, depth-1), randomValue(random, depth-1)}
	case kind == 5:
		return nil
	case kind == 6:
		return random.Float64()
	}
	return names[random.IntN(len(names))]
}

func jsonText(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// The documented example, byte for byte.
func TestDocumentedPatient(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		format ndjson.Format
		want   string
	}{
		"Aidbox": {ndjson.Format{}, `{"id": "pt-1", "meta": {"createdAt": "2021-06-10T08:26:10.707454Z", "versionId": 481, "lastUpdated": "2021-06-10T08:26:10.707454Z"}, "name": [{"given": ["Alice"]}], "resourceType": "Patient"}`},
		"FHIR":   {ndjson.Format{FHIR: true}, `{"id":"pt-1","meta":{"versionId":481,"lastUpdated":"2021-06-10T08:26:10.707454Z","extension":[{"url":"ex:createdAt","valueInstant":"2021-06-10T08:26:10.707454Z"}]},"name":[{"given":["Alice"]}],"resourceType":"Patient"}`},
		"Strict": {ndjson.Format{FHIR: true, Style: fhir.Style{VersionIDAsString: true, CreatedAtURL: "http://x/c"}}, `{"id":"pt-1","meta":{"versionId":"481","lastUpdated":"2021-06-10T08:26:10.707454Z","extension":[{"url":"http://x/c","valueInstant":"2021-06-10T08:26:10.707454Z"}]},"name":[{"given":["Alice"]}],"resourceType":"Patient"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, _, err := write(t, rowsOf(`{"name": [{"given": ["Alice"]}]}`), ndjson.Options{Format: test.format})
			require.NoError(t, err)
			require.Equal(t, test.want+"\n", out)
		})
	}
}

// A time in a year that FHIR does not allow is omitted.
func TestYearsBeyondFHIR(t *testing.T) {
	t.Parallel()
	for _, year := range []int{-43, 0, 10000} {
		patient := row(`{"meta": {"lastUpdated": "stored"}}`)
		at := source.Time{Micros: time.Date(year, 12, 31, 23, 59, 59, 999999000, time.UTC).UnixMicro(), Valid: true}
		patient.Created, patient.Changed = at, at
		out, _, err := write(t, &rows{next: once(patient)}, ndjson.Options{})
		require.NoError(t, err)
		want := `{"id": "pt-1", "meta": {"versionId": 481, "lastUpdated": "stored"}, "resourceType": "Patient"}` + "\n"
		require.Equal(t, want, out)
	}
}
