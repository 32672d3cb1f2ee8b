package worker_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/load"
)

// compartment lists the elements that put a resource into a patient's compartment, by
// R4's CompartmentDefinition and search parameters, for the types in the data. It was
// compiled by hand.
var compartment = map[string][]string{
	"AllergyIntolerance":   {"patient", "recorder", "asserter"},
	"CarePlan":             {"subject", "activity.detail.performer"},
	"CareTeam":             {"subject", "participant.member"},
	"Claim":                {"patient", "payee.party"},
	"Condition":            {"subject", "asserter"},
	"DiagnosticReport":     {"subject"},
	"Encounter":            {"subject"},
	"ExplanationOfBenefit": {"patient", "payee.party"},
	"ImagingStudy":         {"subject"},
	"Immunization":         {"patient"},
	"MedicationRequest":    {"subject"},
	"Observation":          {"subject", "performer"},
	"Patient":              {"link.other"},
	"Procedure":            {"subject", "performer.actor"},
}

// referencesAt returns the patients that a document refers to at a path.
func referencesAt(node any, path string) (ids []string) {
	if list, ok := node.([]any); ok {
		for _, item := range list {
			ids = append(ids, referencesAt(item, path)...)
		}
		return ids
	}
	object, _ := node.(map[string]any)
	if path == "" {
		reference, _ := object["reference"].(string)
		if id, ok := strings.CutPrefix(reference, "Patient/"); ok {
			ids = append(ids, id)
		}
		return ids
	}
	step, rest, _ := strings.Cut(path, ".")
	return referencesAt(object[step], rest)
}

// loadPublished loads the synthetic patients beside the repository, or in
// SLUICE_TEST_DATA, and returns the patients to whose compartments each resource
// belongs, by Type/id.
func (f *fixture) loadPublished(t *testing.T) (types []string, of map[string][]string) {
	t.Helper()
	data := cmp.Or(os.Getenv("SLUICE_TEST_DATA"), filepath.Join("..", "..", "shared", "data"))
	files, err := filepath.Glob(filepath.Join(data, "synthea-bds", "*.ndjson.gz"))
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("no public FHIR data: set SLUICE_TEST_DATA to its folder")
	}
	_, err = load.Files(t.Context(), f.url, files, load.Options{Format: load.FHIR})
	require.NoError(t, err)
	f.exec(t, `GRANT SELECT ON ALL TABLES IN SCHEMA public TO `+f.role)

	of = map[string][]string{}
	for _, file := range files {
		types = append(types, strings.TrimSuffix(filepath.Base(file), ".ndjson.gz"))
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		reader, err := gzip.NewReader(bytes.NewReader(content))
		require.NoError(t, err)
		for decoder := json.NewDecoder(reader); decoder.More(); {
			var d map[string]any
			require.NoError(t, decoder.Decode(&d))
			resourceType, id := d["resourceType"].(string), d["id"].(string)
			var patients []string
			if resourceType == "Patient" {
				patients = append(patients, id)
			}
			for _, path := range compartment[resourceType] {
				patients = append(patients, referencesAt(d, path)...)
			}
			slices.Sort(patients)
			of[resourceType+"/"+id] = slices.Compact(patients)
		}
	}
	return types, of
}

// The blocks of a hundred patients, read from many files, contain the resources that
// refer to each according to the documents, and each line equals that of an export by
// type.
func TestBlocksOfPublishedData(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "")
	types, of := f.loadPublished(t)
	f.start(t, options{partBytes: 1 << 20, maxFileBytes: 700_000, slots: 2})

	plain := f.accept(t, jobs.Request{Types: types, FHIR: true})
	f.await(t, plain, jobs.Completed)
	lines := map[string]string{}
	for _, resourceType := range types {
		for _, line := range f.lines(t, plain, resourceType) {
			lines[nameOf(t, line)] = line
		}
	}
	require.Len(t, lines, len(of))

	want, belonging := map[string][]string{}, 0
	for resource, patients := range of {
		for _, patient := range patients {
			want[patient] = append(want[patient], resource)
			belonging++
		}
	}
	require.Greater(t, belonging, 35_000)

	id := f.organized(t, jobs.Request{Types: types})
	blocks := f.blocks(t, id)
	require.Len(t, blocks, len(want))
	for patient, got := range blocks {
		require.Equal(t, "Patient/"+patient, nameOf(t, got[0]))
		var names []string
		for _, line := range got {
			name := nameOf(t, line)
			require.Equal(t, lines[name], line)
			names = append(names, name)
		}
		require.ElementsMatch(t, want[patient], names, patient)
	}
	files, err := f.store.Files(t.Context(), id)
	require.NoError(t, err)
	require.Greater(t, len(files.Output), 50)
	f.requireSmall(t, id, 700_000)
}

// nameOf returns the Type/id of a line.
func nameOf(t *testing.T, line string) string {
	t.Helper()
	var resource struct{ ResourceType, ID string }
	require.NoError(t, json.Unmarshal([]byte(line), &resource))
	return resource.ResourceType + "/" + resource.ID
}

// Resources of few patients are looked up in an index, if there is one, and no table is
// read whole.
func TestBlocksByIndex(t *testing.T) {
	t.Parallel()
	f := newFixture(t, plainPatients+wideClaims+`INSERT INTO patient (id, txid, ts, cts, resource) VALUES ('p-7', 1, '2024-01-01Z', '2024-01-01Z', '{}')`)
	f.countSetup(t)
	const wholeSQL = `SELECT coalesce(sum(seq_scan), 0) FROM pg_stat_user_tables WHERE relname = 'claim'`
	f.reads(t)
	before := f.count(t, wholeSQL)
	f.start(t, options{})
	id := f.organized(t, jobs.Request{Level: jobs.PatientLevel, Types: []string{"Claim", "Patient"}, Patients: []string{"p-7"}})
	require.Len(t, f.blockIDs(t, id)["p-7"], 51)
	f.reads(t)
	require.Equal(t, before, f.count(t, wholeSQL))
}
