package worker_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// provenanceOf returns the ids of the Provenance in each block that has any, sorted.
func (f *fixture) provenanceOf(t *testing.T, id uuid.UUID) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for patient, names := range f.blockIDs(t, id) {
		for _, name := range names {
			if provenance, ok := strings.CutPrefix(name, "Provenance/"); ok {
				found[patient] = append(found[patient], provenance)
			}
		}
	}
	for _, ids := range found {
		slices.Sort(ids)
	}
	return found
}

// Provenance is in the blocks of the patients whose resources it refers to, exported or
// not, and in no other: a block has what an export by type has for its patient.
func TestBlocksOfProvenance(t *testing.T) {
	t.Parallel()
	f := newFixture(t, trails+`
		INSERT INTO provenance (id, txid, ts, resource) VALUES
			('gone', 700, '2024-01-01Z', '{"target": [{"resourceType": "Patient", "id": "gone"}]}'),
			('of-trail', 701, '2024-01-01Z', '{"target": [{"resourceType": "Provenance", "id": "patient"}, {"uri": "Patient/pt-6/_history/2"}]}'),
			('three', 702, '2024-01-01Z', '{"target": [{"resourceType": "Observation", "id": "ob-2"}, {"resourceType": "Patient", "id": "pt-4"}, {"uri": "Condition/co-1/_history/9"}], "recorded": "2023-01-14T00:00:00Z"}')`)
	f.start(t, options{})

	all := map[string][]string{
		"pt-1": {"both", "condition", "ob-1-east", "ob-1-no-date", "ob-1-old", "ob-1-young", "of-trail", "patient", "three"},
		"pt-2": {"both", "condition-2", "three"},
		"pt-4": {"inner", "three", "version"},
		"pt-6": {"of-trail"},
		"gone": {"gone"},
	}
	of := func(patients ...string) map[string][]string {
		some := map[string][]string{}
		for _, patient := range patients {
			some[patient] = all[patient]
		}
		return some
	}
	ob1 := []string{"both", "ob-1-east", "ob-1-no-date", "ob-1-old", "ob-1-young"}
	only := func(types ...string) []string { return append(types, "Provenance") }
	latest, relevant := jobs.LatestAssociated, jobs.RelevantAssociated
	since := time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)
	patient, group := jobs.PatientLevel, jobs.GroupLevel

	for _, test := range []struct {
		name    string
		request jobs.Request
		want    map[string][]string
	}{
		{"System", jobs.Request{}, all},
		{"SystemAlone", jobs.Request{Types: only()}, all},
		{"Patient", jobs.Request{Level: patient}, all},
		{"Alone", jobs.Request{Level: patient, Types: only()}, all},
		{"OnePatient", jobs.Request{Level: patient, Patients: []string{"pt-4"}, Types: only("Patient")}, of("pt-4")},
		{"Group", jobs.Request{Level: group, Group: "ward", Types: only("Condition")}, of("pt-1", "pt-4")},
		{"OwnFilter", jobs.Request{Level: patient, Filters: map[string][]string{"Provenance": {"_id=both"}}}, map[string][]string{"pt-1": {"both"}, "pt-2": {"both"}}},
		{"Since", jobs.Request{Level: patient, ChangedAfter: since, Types: only("Observation")}, map[string][]string{}},
		{"Relevant", jobs.Request{Level: patient, Types: only("Observation"), Associated: relevant}, map[string][]string{
			"pt-1": ob1, "pt-2": {"both", "three"}, "pt-4": {"inner", "version"},
		}},
		{"RelevantSince", jobs.Request{Level: patient, ChangedAfter: since, Types: only("Observation"), Associated: relevant}, map[string][]string{
			"pt-2": {"both", "three"},
		}},
		{"RelevantFilter", jobs.Request{
			Level: patient, Filters: map[string][]string{"Observation": {"_id=ob-2"}}, Types: only("Observation"), Associated: relevant,
		}, map[string][]string{"pt-2": {"both", "three"}}},
		{"Latest", jobs.Request{Level: patient, Types: only("Condition", "Observation"), Associated: latest}, map[string][]string{
			"pt-1": {"ob-1-young", "three"}, "pt-2": {"both", "condition-2"}, "pt-4": {"version"},
		}},
		{"SystemRelevant", jobs.Request{Types: only("Observation"), Associated: relevant}, map[string][]string{
			"pt-1": ob1, "pt-2": {"both", "three"}, "pt-4": {"inner", "version"},
		}},
		{"GroupLatest", jobs.Request{Level: group, Group: "ward", Types: only("Observation", "Patient"), Associated: latest}, map[string][]string{
			"pt-1": {"ob-1-young", "patient"}, "pt-4": {"three", "version"},
		}},
		{"NoTargets", jobs.Request{Types: only("Practitioner"), Associated: relevant}, map[string][]string{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.request.Types == nil {
				test.request.Types = only("Patient", "Observation")
			}
			id := f.organized(t, test.request)
			require.Equal(t, test.want, f.provenanceOf(t, id))

			for _, one := range []string{"gone", "pt-1", "pt-2", "pt-4", "pt-5", "pt-6"} {
				if test.request.Level != jobs.PatientLevel || len(test.request.Patients) > 0 {
					break
				}
				alone := test.request
				alone.FHIR, alone.Patients = true, []string{one}
				plain := f.accept(t, alone)
				f.await(t, plain, jobs.Completed)
				require.Equal(t, fmt.Sprint(test.want[one]), fmt.Sprint(f.ids(t, plain, "Provenance")), one)
			}
		})
	}
}

// Provenance of no compartment is reported at system level, unless it is not selected.
func TestBlocksWithoutProvenance(t *testing.T) {
	t.Parallel()
	f := newFixture(t, trails)
	f.start(t, options{})
	types := []string{"Observation", "Provenance"}
	const told = "Provenance: %d resources are in no patient's compartment, and so in no patient block"
	id := f.organized(t, jobs.Request{Types: types})
	require.Contains(t, f.told(t, id), fmt.Sprintf(told, 2))
	id = f.organized(t, jobs.Request{Types: types, Associated: jobs.RelevantAssociated})
	require.Contains(t, f.told(t, id), fmt.Sprintf(told, 1), "of an observation without a patient")
	id = f.organized(t, jobs.Request{Types: types, Level: jobs.PatientLevel})
	require.Empty(t, f.told(t, id))
}
