package search_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/search"
	"github.com/seed-90096f4d/sluice/source"
)

// keys returns whose compartments each resource of a type is in, sorted.
func (s store) keys(t *testing.T, resourceType, references string) map[string][]string {
	t.Helper()
	snapshot, err := s.source.OpenSnapshot(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, snapshot.Close(t.Context())) }()
	reader, err := s.source.OpenReader(t.Context(), snapshot.ID)
	require.NoError(t, err)
	defer reader.Close(t.Context())

	relations, err := s.tables[resourceType].Relations()
	require.NoError(t, err)
	keyed := source.Keyed{Most: 1000, Relations: []source.KeyedRelation{{Relation: relations[0], References: references}}}
	var places []source.Place
	var keys []string
	err = reader.Keyed(t.Context(), keyed, func(row *source.KeyedRow) error {
		if row.Key != nil {
			keys, places = append(keys, string(row.Key)), append(places, source.Place{Address: row.Address})
		}
		return nil
	})
	require.NoError(t, err)
	picker, err := reader.Picker(t.Context(), relations)
	require.NoError(t, err)
	of := map[string][]string{}
	err = picker.Pick(t.Context(), places, func(n int, row *source.Row) error {
		of[string(row.ID)] = append(of[string(row.ID)], keys[n])
		return nil
	})
	require.NoError(t, err)
	return of
}

// checkReferences compares whose compartments the resources are in with the
// oracle's word, and of Provenance also with that on its targets.
func checkReferences(t *testing.T, s store) {
	t.Helper()
	owners := map[string][]string{} // by Type/id
	tables := map[string]string{}
	for resourceType, documents := range s.documents {
		tables[resourceType] = s.tables[resourceType].Quoted()
		for _, d := range documents {
			owners[resourceType+"/"+text(d["id"])] = patientsOf(d)
		}
	}
	found := 0
	for resourceType, documents := range s.documents {
		references := search.References(resourceType, "r")
		if resourceType == "Provenance" {
			references = search.TargetReferences("r", tables)
		}
		want := map[string][]string{}
		for _, d := range documents {
			patients := slices.Clone(patientsOf(d))
			if resourceType == "Provenance" {
				for _, target := range targetsOf(d) {
					patients = append(patients, owners[target]...)
				}
			}
			slices.Sort(patients)
			if patients = slices.Compact(patients); len(patients) > 0 {
				want[text(d["id"])] = patients
			}
		}
		require.Equal(t, want, s.keys(t, resourceType, references), resourceType)
		found += len(want)
	}
	t.Logf("%d resources are in compartments", found)
	require.NotZero(t, found)
}

func TestReferencesOfExamples(t *testing.T) {
	t.Parallel()
	checkReferences(t, newStore(t, published(t, "r4-examples")...))
}

func TestReferencesOfSyntheticPatients(t *testing.T) {
	t.Parallel()
	checkReferences(t, newStore(t, published(t, "synthea-bds")...))
}

func TestReferences(t *testing.T) {
	t.Parallel()
	s := newStoreOf(t,
		`{"resourceType":"Patient","id":"a","link":[{"other":{"reference":"Patient/b"},"type":"seealso"}]}`,
		`{"resourceType":"Observation","id":"both","subject":{"reference":"Patient/a"},"performer":[{"reference":"Patient/a"},{"reference":"Patient/b"}]}`,
		`{"resourceType":"Observation","id":"none","subject":{"reference":"Device/a"}}`,
		`{"resourceType":"Organization","id":"a"}`,
		`{"resourceType":"Provenance","id":"p","target":[{"reference":"Observation/both"},{"reference":"Observation/gone"},{"reference":"Organization/a"},{"reference":"Patient/z"}]}`,
	)
	tables := map[string]string{"Observation": s.tables["Observation"].Quoted(), "Organization": s.tables["Organization"].Quoted()}
	require.Equal(t, map[string][]string{"a": {"a", "b"}}, s.keys(t, "Patient", search.References("Patient", "r")))
	require.Equal(t, map[string][]string{"both": {"a", "b"}}, s.keys(t, "Observation", search.References("Observation", "r")))
	require.Empty(t, s.keys(t, "Organization", search.References("Organization", "r")))
	require.Equal(t, map[string][]string{"p": {"z"}}, s.keys(t, "Provenance", search.References("Provenance", "r")))
	require.Equal(t, map[string][]string{"p": {"a", "b", "z"}}, s.keys(t, "Provenance", search.TargetReferences("r", tables)))
	require.Equal(t, search.References("Provenance", "q"), search.TargetReferences("q", nil))
	require.NotContains(t, search.References("Observation", "q"), "r.resource")
}
