package worker_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// trails are Provenance resources about some of the wards' resources: an old and
// a young one about ob-1, one about two at once, one about a patient, one about
// an observation of nobody, and one about what is not there.
var trails = wards + table("provenance") + `
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
	('nothing', '2023-01-01T00:00:00Z', ARRAY['Observation/gone', 'Device/d'])
) AS p (id, recorded, targets);`

func TestProvenance(t *testing.T) {
	t.Parallel()
	f := newFixture(t, trails)
	f.start(t, options{})
	since := time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)
	all := []string{"both", "nobody", "nothing", "ob-1-east", "ob-1-no-date", "ob-1-old", "ob-1-young", "patient"}

	for _, test := range []struct {
		name    string
		request jobs.Request
		want    []string
	}{
		{"System", jobs.Request{}, all},
		{"SystemRelevant", jobs.Request{Associated: jobs.RelevantAssociated}, []string{"both", "nobody", "ob-1-east", "ob-1-no-date", "ob-1-old", "ob-1-young", "patient"}},
		{"SystemLatest", jobs.Request{Associated: jobs.LatestAssociated}, []string{"both", "nobody", "ob-1-young", "patient"}},
		{"Patient", jobs.Request{Level: jobs.PatientLevel}, []string{"both", "ob-1-east", "ob-1-no-date", "ob-1-old", "ob-1-young", "patient"}},
		{"PatientLatest", jobs.Request{Level: jobs.PatientLevel, Associated: jobs.LatestAssociated}, []string{"both", "ob-1-young", "patient"}},
		// Those of what has changed, whenever they were written themselves.
		{"Since", jobs.Request{ChangedAfter: since, Types: []string{"Observation", "Provenance"}, Associated: jobs.RelevantAssociated}, []string{"both"}},
		{"Until", jobs.Request{ChangedBefore: since, Types: []string{"Observation", "Provenance"}, Associated: jobs.LatestAssociated}, []string{"nobody", "ob-1-young"}},
		{
			"Filter", jobs.Request{Filters: map[string][]string{"Observation": {"_id=ob-2"}, "Patient": {"_id=pt-2"}}, Associated: jobs.RelevantAssociated},
			[]string{"both"},
		},
		{"OwnFilter", jobs.Request{Filters: map[string][]string{"Provenance": {"_id=both,nobody"}}}, []string{"both", "nobody"}},
		{"Group", jobs.Request{Level: jobs.GroupLevel, Group: "ward"}, []string{"patient"}},
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
