package worker_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// trails are Provenance resources about some of the wards' resources: an old and
// a young one about ob-1, one about two at once, one about a patient, one about
// an observation of nobody, one about what is not there, one about an observation
// of a member of the group within the group, one about a version of it, and one
// about a condition.
var trails = wards + table("provenance") + table("condition") + `
INSERT INTO condition (id, txid, ts, resource) VALUES
	('co-1', 1, '2024-01-01Z', '{"subject": {"resourceType": "Patient", "id": "pt-1"}}'), ('co-2', 2, '2024-01-01Z', '{"subject": {"uri": "Patient/pt-2/_history/1"}}');
UPDATE observation SET ts = '2024-01-01Z';
UPDATE observation SET ts = '2024-06-01Z' WHERE id = 'ob-2';
INSERT INTO provenance (id, txid, ts, resource)
SELECT id, 500 + row_number() OVER (), '2024-01-01Z', jsonb_build_object('recorded', recorded, 'target', (
	SELECT jsonb_agg(jsonb_build_object('resourceType', split_part(t, '/', 1), 'id', split_part(t, '/', 2))) FROM unnest(targets) AS t))
FROM (VALUES
	('ob-1-old', '2023-01-01T00:00:00Z', ARRAY['Observation/ob-1']),
	('ob-1-young', '2023-02-01T00:00:00Z', ARRAY['Observation/ob-1']),
	('ob-1-east', '2023-02-01T01:00:00+02:00', ARRAY['Observation/ob-1']),
	('ob-1-no-date', 'yesterday', ARRAY['Observation/ob-1']),
	('both', '2023-01-15T00:00:00Z', ARRAY['Observation/ob-1', 'Observation/ob-2']),
	('patient', '2023-01-01T00:00:00Z', ARRAY['Patient/pt-1']),
	('nobody', '2023-01-01T00:00:00Z', ARRAY['Observation/of-nobody']),
	('nothing', '2023-01-01T00:00:00Z', ARRAY['Observation/gone', 'Device/d']),
	('inner', '2023-01-01T00:00:00Z', ARRAY['Observation/ob-4']),
	('condition', '2023-01-01T00:00:00Z', ARRAY['Condition/co-1']),
	('condition-2', '2023-01-01T00:00:00Z', ARRAY['Condition/co-2'])
) AS p (id, recorded, targets);
INSERT INTO provenance (id, txid, ts, resource) VALUES ('version', 600, '2024-01-01Z',
	'{"recorded": "2023-06-01T00:00:00Z", "target": [{"uri": "Observation/ob-4/_history/7"}, {"uri": "https://example.org/Observation/ob-1/_history/7"}]}');`

// largeGroup is the ward with more members than an export stores.
const largeGroup = `INSERT INTO "group" (id, txid, resource) SELECT 'large', 302, jsonb_build_object('member',
	jsonb_agg(jsonb_build_object('entity', jsonb_build_object('resourceType', 'Patient', 'id', 'nobody-' || n)))
	|| '[{"entity": {"resourceType": "Group", "id": "ward"}}]') FROM generate_series(1, 1500) AS n`

func TestProvenance(t *testing.T) {
	t.Parallel()
	f := newFixture(t, trails)
	f.start(t, options{})
	f.exec(t, largeGroup)
	since := time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)
	const (
		ob1Old, ob1Young = "ob-1-old", "ob-1-young"
		ob1East, ob1None = "ob-1-east", "ob-1-no-date"
	)
	ob1 := []string{"both", ob1East, ob1None, ob1Old, ob1Young}
	and := func(more ...string) []string { return slices.Sorted(slices.Values(slices.Concat(ob1, more))) }
	all := and("condition", "condition-2", "inner", "nobody", "nothing", "patient", "version")
	hundreds := []string{"pt-1"}
	for n := range 1200 {
		hundreds = append(hundreds, fmt.Sprintf("nobody-%d", n))
	}
	only := func(types ...string) []string { return append(types, "Provenance") }
	patient, group := jobs.PatientLevel, jobs.GroupLevel
	latest, relevant := jobs.LatestAssociated, jobs.RelevantAssociated

	for _, test := range []struct {
		name    string
		request jobs.Request
		want    []string
	}{
		{"System", jobs.Request{}, all},
		{"SystemRelevant", jobs.Request{Associated: relevant}, and("inner", "nobody", "patient", "version")},
		{"SystemLatest", jobs.Request{Associated: latest}, []string{"both", "nobody", "ob-1-young", "patient", "version"}},
		{"Patient", jobs.Request{Level: patient}, and("condition", "condition-2", "inner", "patient", "version")},
		{"PatientTypes", jobs.Request{Level: patient, Types: only("Patient")}, and("condition", "condition-2", "inner", "patient", "version")},
		{"PatientAlone", jobs.Request{Level: patient, Types: only()}, and("condition", "condition-2", "inner", "patient", "version")},
		{"PatientLatest", jobs.Request{Level: patient, Associated: latest}, []string{"both", "ob-1-young", "patient", "version"}},
		{"PatientFilter", jobs.Request{Level: patient, Filters: map[string][]string{"Observation": {"_id=ob-2"}, "Provenance": {"_id=both,inner,nobody"}}}, []string{"both", "inner"}},
		{"OnePatient", jobs.Request{Level: patient, Patients: []string{"pt-1"}, Types: only("Patient")}, and("condition", "patient")},
		{"VersionOfPatient", jobs.Request{Level: patient, Patients: []string{"pt-2"}, Types: only()}, []string{"both", "condition-2"}},
		{"Hundreds", jobs.Request{Level: patient, Patients: hundreds, Types: only("Patient")}, and("condition", "patient")},
		{"OnePatientRelevant", jobs.Request{Level: patient, Patients: []string{"pt-4", "pt-2"}, Associated: relevant}, []string{"both", "inner", "version"}},
		{"HundredsLatest", jobs.Request{Level: patient, Patients: hundreds, Associated: latest}, []string{"ob-1-young", "patient"}},
		// Those of changed resources, whenever the Provenance itself was changed.
		{"Since", jobs.Request{ChangedAfter: since, Types: only("Observation"), Associated: relevant}, []string{"both"}},
		{"Until", jobs.Request{ChangedBefore: since, Types: only("Observation"), Associated: latest}, []string{"nobody", "ob-1-young", "version"}},
		{"SinceWithout", jobs.Request{Level: patient, ChangedAfter: since}, []string{}},
		{
			"Filter", jobs.Request{Filters: map[string][]string{"Observation": {"_id=ob-2"}, "Patient": {"_id=pt-2"}}, Associated: relevant},
			[]string{"both"},
		},
		{"OwnFilter", jobs.Request{Filters: map[string][]string{"Provenance": {"_id=both,nobody"}}}, []string{"both", "nobody"}},
		{"Group", jobs.Request{Level: group, Group: "ward"}, and("condition", "inner", "patient", "version")},
		{"GroupRelevant", jobs.Request{Level: group, Group: "ward", Types: only("Observation"), Associated: relevant}, and("inner", "version")},
		{"GroupLatest", jobs.Request{Level: group, Group: "ward", Types: only("Observation"), Associated: latest}, []string{"ob-1-young", "version"}},
		{"OneOfTheGroup", jobs.Request{Level: group, Group: "ward", Patients: []string{"pt-4"}, Types: only()}, []string{"inner", "version"}},
		{"NotOfTheGroup", jobs.Request{Level: group, Group: "ward", Patients: []string{"pt-2"}, Types: only("Observation")}, []string{}},
		{"LargeGroup", jobs.Request{Level: group, Group: "large", Types: only()}, and("condition", "inner", "patient", "version")},
		{"LargeGroupLatest", jobs.Request{Level: group, Group: "large", Associated: latest}, []string{"ob-1-young", "patient", "version"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.request.FHIR = true
			if test.request.Types == nil {
				test.request.Types = []string{"Patient", "Observation", "Provenance"}
			}
			id := f.accept(t, test.request)
			f.await(t, id, jobs.Completed)
			require.Equal(t, test.want, f.ids(t, id, "Provenance"))
		})
	}
}
