package search_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir/search"
	"github.com/seed-90096f4d/sluice/source"
)

// keys returns the compartments of each resource of a type, sorted.
func (s store) keys(t *testing.T, resourceType string, keyed source.KeyedRelation) map[string][]string {
	t.Helper()
	snapshot, err := s.source.OpenSnapshot(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, snapshot.Close(t.Context())) }()
	reader, err := s.source.OpenReader(t.Context(), snapshot.ID)
	require.NoError(t, err)
	defer reader.Close(t.Context())

	relations, err := s.tables[resourceType].Relations()
	require.NoError(t, err)
	keyed.Relation = relations[0]
	var elements []source.RowAddress
	var keys []string
	err = reader.ScanKeys(t.Context(), source.KeyScan{MaxKeys: 1000, Relations: []source.KeyedRelation{keyed}}, func(row *source.KeyedRow) error {
		if row.Key != nil {
			keys, elements = append(keys, string(row.Key)), append(elements, source.RowAddress{TID: row.TID})
		}
		return nil
	})
	require.NoError(t, err)
	fetcher, err := reader.NewFetcher(t.Context(), relations)
	require.NoError(t, err)
	of := map[string][]string{}
	err = fetcher.Fetch(t.Context(), elements, func(n int, row *source.Row) error {
		of[string(row.ID)] = append(of[string(row.ID)], keys[n])
		return nil
	})
	require.NoError(t, err)
	return of
}

// byReferences returns the keys from the references in the resources of a type.
func byReferences(resourceType string) source.KeyedRelation {
	return source.KeyedRelation{References: search.References(resourceType, "r")}
}

// byTargets returns the keys of Provenance for resources of these types.
func (s store) byTargets(types ...string) source.KeyedRelation {
	about := search.Provenance{Patients: &search.Patients{}, Referred: true}
	for _, resourceType := range types {
		about.Targets = append(about.Targets, search.Target{Type: resourceType, Table: s.tables[resourceType].Quoted()})
	}
	return source.KeyedRelation{Keys: about.Keys()}
}

// checkReferences compares the compartments of resources with the oracle, for
// Provenance also those of its targets.
func checkReferences(t *testing.T, s store) {
	t.Helper()
	owners := map[string][]string{} // by Type/id
	for resourceType, documents := range s.documents {
		for _, d := range documents {
			owners[resourceType+"/"+text(d["id"])] = patientsOf(d)
		}
	}
	found := 0
	for resourceType, documents := range s.documents {
		keyed := byReferences(resourceType)
		if resourceType == "Provenance" {
			keyed = s.byTargets(slices.Collect(maps.Keys(s.tables))...)
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
		require.Equal(t, want, s.keys(t, resourceType, keyed), resourceType)
		found += len(want)
	}
	t.Logf("%d resources are in compartments", found)
	require.NotZero(t, found)
}

func TestReferencesOfExamples(t *testing.T) {
	t.Parallel()
	files := published(t, "r4-examples")
	checkReferences(t, newStore(t, append(files, trailsOf(t, files))...))
}

func TestReferencesOfSyntheticPatients(t *testing.T) {
	t.Parallel()
	files := published(t, "synthea-bds")
	checkReferences(t, newStore(t, append(files, trailsOf(t, files))...))
}

func TestReferences(t *testing.T) {
	t.Parallel()
	s := newStoreOf(t,
		`{"resourceType":"Patient","id":"a","link":[{"other":{"reference":"Patient/b"},"type":"seealso"}]}`,
		`{"resourceType":"Observation","id":"both","subject":{"reference":"Patient/a"},"performer":[{"reference":"Patient/a"},{"reference":"Patient/b"}]}`,
		`{"resourceType":"Observation","id":"none","subject":{"reference":"Device/a"}}`,
		`{"resourceType":"Organization","id":"a"}`,
		`{"resourceType":"Provenance","id":"p","target":[{"reference":"Observation/both"},{"reference":"Observation/gone"},{"reference":"Organization/a"},{"reference":"Patient/z"}]}`,
		`{"resourceType":"Provenance","id":"q","target":[{"reference":"Observation/both/_history/2"},{"reference":"Patient/y/_history/1"},{"reference":"Provenance/p"}]}`,
	)
	require.Equal(t, map[string][]string{"a": {"a", "b"}}, s.keys(t, "Patient", byReferences("Patient")))
	require.Equal(t, map[string][]string{"both": {"a", "b"}}, s.keys(t, "Observation", byReferences("Observation")))
	require.Empty(t, s.keys(t, "Organization", byReferences("Organization")))
	sql, _ := search.References("Observation", "q").Statement()
	require.NotContains(t, sql, "r.resource")

	require.Equal(t, map[string][]string{"p": {"z"}, "q": {"y"}}, s.keys(t, "Provenance", s.byTargets("Organization")))
	require.Equal(t, map[string][]string{"p": {"a", "b", "z"}, "q": {"a", "b", "y", "z"}}, s.keys(t, "Provenance", s.byTargets("Observation", "Organization", "Provenance")))
	nothing := search.Provenance{Patients: &search.Patients{}, Targets: []search.Target{{Type: "Organization", Table: s.tables["Organization"].Quoted()}}}
	require.Empty(t, s.keys(t, "Provenance", source.KeyedRelation{Keys: nothing.Keys()}))
}
