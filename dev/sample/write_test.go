package sample_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/dev/sample"
)

type document = map[string]any

// written writes a sample and returns its resources by type and id.
func written(t *testing.T, resources int) map[string]document {
	t.Helper()
	paths, err := sample.Write(t.TempDir(), resources)
	require.NoError(t, err)

	all := make(map[string]document)
	for _, path := range paths {
		resourceType, _, _ := strings.Cut(filepath.Base(path), ".")
		for _, line := range lines(t, path) {
			var doc document
			require.NoError(t, json.Unmarshal(line, &doc))
			require.Equal(t, resourceType, doc["resourceType"])
			all[resourceType+"/"+doc["id"].(string)] = doc
		}
	}
	return all
}

func lines(t *testing.T, path string) [][]byte {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	text, err := gzip.NewReader(file)
	require.NoError(t, err)

	var all [][]byte
	scanner := bufio.NewScanner(text)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		all = append(all, append([]byte(nil), scanner.Bytes()...))
	}
	require.NoError(t, scanner.Err())
	return all
}

func TestTheSameSizeGivesTheSameBytes(t *testing.T) {
	t.Parallel()

	first, err := sample.Write(t.TempDir(), 1000)
	require.NoError(t, err)
	second, err := sample.Write(t.TempDir(), 1000)
	require.NoError(t, err)

	require.GreaterOrEqual(t, len(first), 20)
	for i := range first {
		a, err := os.ReadFile(first[i])
		require.NoError(t, err)
		b, err := os.ReadFile(second[i])
		require.NoError(t, err)
		require.Equal(t, a, b, first[i])
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()

	require.Len(t, written(t, 5000), 5000)
	require.Len(t, written(t, 0), 28, "at least one of each type")
}

func TestReferencesResolve(t *testing.T) {
	t.Parallel()

	for _, size := range []int{1, 500, 5000} {
		all := written(t, size)
		references := 0
		for name, doc := range all {
			eachReference(doc, func(reference string) {
				references++
				if local, ok := strings.CutPrefix(reference, "#"); ok {
					require.True(t, contains(doc, local), "%s: %s", name, reference)
					return
				}
				require.NotNil(t, all[reference], "%s: %s", name, reference)
			})
		}
		require.Greater(t, references, size)
	}
}

// A resource and its encounter have the same patient.
func TestEncountersMatch(t *testing.T) {
	t.Parallel()

	all := written(t, 5000)
	checked := 0
	for name, doc := range all {
		reference, ok := doc["encounter"].(document)
		if !ok || doc["subject"] == nil {
			continue
		}
		checked++
		encounter := all[reference["reference"].(string)]
		require.Equal(t, encounter["subject"], doc["subject"], name)
	}
	require.Greater(t, checked, 1000)
}

// The sample contains the elements whose conversion is difficult.
func TestVariety(t *testing.T) {
	t.Parallel()

	all, err := json.Marshal(written(t, 20_000))
	require.NoError(t, err)
	for _, key := range []string{
		"valueQuantity", "valueCodeableConcept", "valueString", "valueBoolean", "valueInteger", "valueRange", "valueRatio",
		"valueSampledData", "valueTime", "valueDateTime", "valuePeriod", "_valueString", "effectiveInstant", "effectiveTiming",
		"onsetAge", "abatementString", "medicationReference", "medicationCodeableConcept", "deceasedDateTime",
		"multipleBirthInteger", "multipleBirthBoolean", "asNeededCodeableConcept", "doseRange", "rateRatio", "detailInteger",
		"contained", "_birthDate", "_given", "_family", "valueAddress", "valueCoding", "member", "div",
	} {
		require.Contains(t, string(all), `"`+key+`":`)
	}
	for _, word := range []string{"東京", "Ömer", "🩺", "Παπαδόπουλος", `\"it hurts less\"`} {
		require.Contains(t, string(all), word)
	}
}

func eachReference(value any, fn func(string)) {
	switch value := value.(type) {
	case document:
		for key, inner := range value {
			if reference, ok := inner.(string); ok && key == "reference" {
				fn(reference)
			}
			eachReference(inner, fn)
		}
	case []any:
		for _, inner := range value {
			eachReference(inner, fn)
		}
	}
}

func contains(doc document, id string) bool {
	contained, _ := doc["contained"].([]any)
	for _, inner := range contained {
		if inner.(document)["id"] == id {
			return true
		}
	}
	return false
}
