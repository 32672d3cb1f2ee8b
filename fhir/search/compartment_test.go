package search_test

import (
	"fmt"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir/search"
	"github.com/seed-90096f4d/sluice/fhir/search/params"
)

// toPatient is a reference to a patient, or to a version of one.
var toPatient = regexp.MustCompile(`^Patient/([^/?# \\]+)(/_history/[^/]+)?$`)

// patientsOf returns the ids of the patients in whose compartments a document is, by
// the paths of the definition.
func patientsOf(d document) []string {
	resourceType := text(d["resourceType"])
	var ids []string
	if resourceType == "Patient" {
		ids = append(ids, text(d["id"]))
	}
	for _, path := range params.R4().PatientPaths(resourceType) {
		path = slices.Clone(path)
		path[len(path)-1].Target = ""
		for _, value := range found(d, path) {
			object, _ := value.(map[string]any)
			if m := toPatient.FindStringSubmatch(text(object["reference"])); m != nil {
				ids = append(ids, m[1])
			}
		}
	}
	return ids
}

// checkCompartments compares the compartments of all patients, of a few and of many
// with the oracle.
func checkCompartments(t *testing.T, s store) {
	t.Helper()

	patients := s.matching("Patient", func(document) bool { return true })
	few := patients[:min(3, len(patients))]
	many := append(slices.Clone(patients[:len(patients)/2]), `odd "\`+"\n"+`$1`)
	for len(many) < 70 {
		many = append(many, fmt.Sprintf("nobody-%d", len(many)))
	}
	members := 0
	for resourceType := range s.documents {
		if !search.InCompartment(resourceType) {
			require.Empty(t, s.ids(t, resourceType, search.Patients{IDs: many}.Compartment(resourceType)))
			require.Empty(t, s.ids(t, resourceType, search.Patients{IDs: few}.Compartment(resourceType)))
			continue
		}
		all := s.matching(resourceType, func(d document) bool { return len(patientsOf(d)) > 0 })
		require.Equal(t, all, s.ids(t, resourceType, search.Patients{}.Compartment(resourceType)), resourceType)
		members += len(all)
		for _, ids := range [][]string{{}, few, many} {
			want := s.matching(resourceType, func(d document) bool {
				return slices.ContainsFunc(patientsOf(d), func(id string) bool { return slices.Contains(ids, id) })
			})
			require.Equal(t, want, s.ids(t, resourceType, search.Patients{IDs: ids}.Compartment(resourceType)), "%s of %d", resourceType, len(ids))
		}
	}
	t.Logf("%d resources are in compartments", members)
	require.NotZero(t, members)
}

func TestCompartmentsOfExamples(t *testing.T) {
	t.Parallel()

	checkCompartments(t, newStore(t, published(t, "r4-examples")...))
}

func TestCompartmentsOfSyntheticPatients(t *testing.T) {
	t.Parallel()

	checkCompartments(t, newStore(t, published(t, "synthea-bds")...))
}

func TestCompartment(t *testing.T) {
	t.Parallel()

	s := newStoreOf(t,
		`{"resourceType":"Patient","id":"a","link":[{"other":{"reference":"Patient/b"},"type":"seealso"}]}`,
		`{"resourceType":"Patient","id":"b"}`,
		`{"resourceType":"Patient","id":"c","link":[{"other":{"reference":"RelatedPerson/b"},"type":"seealso"}]}`,
		`{"resourceType":"Observation","id":"subject","subject":{"reference":"Patient/a"}}`,
		`{"resourceType":"Observation","id":"device","subject":{"reference":"Device/a"}}`,
		`{"resourceType":"Observation","id":"performer","subject":{"reference":"Group/a"},"performer":[{"reference":"Practitioner/a"},{"reference":"Patient/b"}]}`,
		`{"resourceType":"Observation","id":"both","subject":{"reference":"Patient/a"},"performer":[{"reference":"Patient/a"},{"reference":"Patient/b"}]}`,
		`{"resourceType":"Observation","id":"focus","focus":[{"reference":"Patient/a"}]}`,
		`{"resourceType":"Observation","id":"none"}`,
		`{"resourceType":"Observation","id":"element-id","subject":{"id":"e1","reference":"Patient/c"},"performer":[{"id":"e2","reference":"Patient/c/_history/3"}]}`,
		`{"resourceType":"Observation","id":"logical","subject":{"type":"Patient","identifier":{"value":"c"}}}`,
		`{"resourceType":"Observation","id":"version","subject":{"reference":"Patient/c/_history/3"},"performer":[{"reference":"Patient/c/_history/4"}]}`,
		`{"resourceType":"Observation","id":"no-version","subject":{"reference":"Group/c/_history/3"},"performer":[{"reference":"Patient/c/_history"},{"reference":"https://example.org/Patient/c/_history/3"},{"reference":"Patient?identifier=c"},{"reference":"#c"}]}`,
		`{"resourceType":"Appointment","id":"visit","participant":[{"actor":{"reference":"Location/a"}},{"actor":{"reference":"Patient/b"}}]}`,
		`{"resourceType":"AuditEvent","id":"log","agent":[{"who":{"reference":"Practitioner/x"}}],"entity":[{"what":{"reference":"Patient/a"}}]}`,
		`{"resourceType":"Organization","id":"a"}`,
		`{"resourceType":"Group","id":"g","member":[{"entity":{"reference":"Patient/c"}}]}`,
	)
	require.True(t, search.InCompartment("Patient"))
	require.False(t, search.InCompartment("Organization"))

	all := func(resourceType string) []string {
		return s.ids(t, resourceType, search.Patients{}.Compartment(resourceType))
	}
	require.Equal(t, []string{"a", "b", "c"}, all("Patient"))
	require.Equal(t, []string{"both", "element-id", "performer", "subject", "version"}, all("Observation"))
	require.Equal(t, []string{"visit"}, all("Appointment"))
	require.Equal(t, []string{"log"}, all("AuditEvent"))
	require.Equal(t, []string{"g"}, all("Group"))
	require.Empty(t, all("Organization"))

	// The same patients several times: too many for a lookup.
	for _, times := range []int{1, 2000} {
		of := func(resourceType string, ids ...string) []string {
			return s.ids(t, resourceType, search.Patients{IDs: slices.Repeat(ids, times)}.Compartment(resourceType))
		}
		require.Equal(t, []string{"a", "b"}, of("Patient", "b"), "the link of a leads to b")
		require.Equal(t, []string{"c"}, of("Patient", "c"))
		require.Equal(t, []string{"both", "performer"}, of("Observation", "b"))
		require.Equal(t, []string{"both", "performer", "subject"}, of("Observation", "a", "b"))
		require.Empty(t, of("Appointment", "a"))
		require.Empty(t, of("Observation"))
		require.Equal(t, []string{"element-id", "version"}, of("Observation", "c"))
		require.Empty(t, of("Organization", "a"))
		require.Empty(t, of("Observation", `a"}]}`))
	}
}
