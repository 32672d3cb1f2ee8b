package worker_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// wards are patients, some of them with observations, some members of a Group, and an
// observation of no patient.
var wards = table("patient") + table("observation") + table("practitioner") + `
CREATE TABLE "group" (LIKE patient INCLUDING ALL);
INSERT INTO patient (id, txid, resource) SELECT 'pt-' || n, n, '{"active": true}' FROM generate_series(1, 6) AS n;
INSERT INTO practitioner (id, txid, resource) VALUES ('dr-1', 50, '{}');
INSERT INTO observation (id, txid, resource) SELECT 'ob-' || n, 100 + n, jsonb_build_object('status', CASE WHEN n % 2 = 0 THEN 'final' ELSE 'preliminary' END,
	'code', jsonb_build_object('coding', jsonb_build_array(jsonb_build_object('code', 'c-' || n))),
	'subject', jsonb_build_object('resourceType', 'Patient', 'id', 'pt-' || n)) FROM generate_series(1, 6) AS n;
INSERT INTO observation (id, txid, resource) VALUES
	('of-a-group', 200, '{"status": "final", "subject": {"resourceType": "Group", "id": "ward"}}'),
	('by-pt-6', 201, '{"status": "final", "subject": {"resourceType": "Location", "id": "l"}, "performer": [{"resourceType": "Practitioner", "id": "dr-1"}, {"resourceType": "Patient", "id": "pt-6"}]}'),
	('of-nobody', 202, '{"status": "final"}');
INSERT INTO "group" (id, txid, resource) VALUES
	('ward', 300, '{"type": "person", "actual": true, "member": [
		{"entity": {"resourceType": "Patient", "id": "pt-1"}},
		{"entity": {"resourceType": "Patient", "id": "pt-2"}, "inactive": true},
		{"entity": {"resourceType": "Patient", "id": "pt-3"}, "period": {"end": "2020-01-01"}},
		{"entity": {"resourceType": "Group", "id": "annex"}},
		{"entity": {"resourceType": "Practitioner", "id": "dr-1"}}]}'),
	('annex', 301, '{"type": "person", "actual": true, "member": [
		{"entity": {"resourceType": "Patient", "id": "pt-4"}, "period": {"start": "2020-01-01"}},
		{"entity": {"resourceType": "Group", "id": "ward"}}]}');`

// ids returns the ids of the exported resources of a type, sorted.
func (f *fixture) ids(t *testing.T, id uuid.UUID, resourceType string) []string {
	t.Helper()
	ids := []string{}
	for _, line := range f.lines(t, id, resourceType) {
		var resource struct{ ID string }
		require.NoError(t, json.Unmarshal([]byte(line), &resource))
		ids = append(ids, resource.ID)
	}
	slices.Sort(ids)
	return ids
}

func TestLevels(t *testing.T) {
	t.Parallel()
	f := newFixture(t, wards)
	f.start(t, options{partBytes: 8192})

	for _, test := range []struct {
		name                   string
		request                jobs.Request
		patients, observations []string
	}{
		{
			"System", jobs.Request{},
			[]string{"pt-1", "pt-2", "pt-3", "pt-4", "pt-5", "pt-6"},
			[]string{"by-pt-6", "ob-1", "ob-2", "ob-3", "ob-4", "ob-5", "ob-6", "of-a-group", "of-nobody"},
		},
		{
			"Patient", jobs.Request{Level: jobs.PatientLevel},
			[]string{"pt-1", "pt-2", "pt-3", "pt-4", "pt-5", "pt-6"},
			[]string{"by-pt-6", "ob-1", "ob-2", "ob-3", "ob-4", "ob-5", "ob-6"},
		},
		{
			"SomePatients", jobs.Request{Level: jobs.PatientLevel, Patients: []string{"pt-6", "pt-2"}},
			[]string{"pt-2", "pt-6"},
			[]string{"by-pt-6", "ob-2", "ob-6"},
		},
		{
			"Group", jobs.Request{Level: jobs.GroupLevel, Group: "ward"},
			[]string{"pt-1", "pt-4"}, // no inactive member, none whose period is over, those of the inner group
			[]string{"ob-1", "ob-4"},
		},
		{
			"OneOfTheGroup", jobs.Request{Level: jobs.GroupLevel, Group: "ward", Patients: []string{"pt-4"}},
			[]string{"pt-4"},
			[]string{"ob-4"},
		},
		{
			"Filter", jobs.Request{Filters: map[string][]string{"Observation": {"status=final&subject=Patient/pt-2", "code=c-5", "_id=of-nobody"}}},
			[]string{"pt-1", "pt-2", "pt-3", "pt-4", "pt-5", "pt-6"},
			[]string{"ob-2", "ob-5", "of-nobody"},
		},
		{
			"FilterInAGroup", jobs.Request{Level: jobs.GroupLevel, Group: "ward", Filters: map[string][]string{"Observation": {"status=final"}}},
			[]string{"pt-1", "pt-4"},
			[]string{"ob-4"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.request.Types, test.request.FHIR = []string{"Patient", "Observation"}, true
			id := f.accept(t, test.request)
			f.await(t, id, jobs.Completed)
			require.Equal(t, test.patients, f.ids(t, id, "Patient"))
			require.Equal(t, test.observations, f.ids(t, id, "Observation"))
		})
	}
}

// The versions in the history show to which patient a deleted resource belonged. If all
// patients are selected, that does not matter.
func TestDeletionsByLevel(t *testing.T) {
	t.Parallel()
	f := newFixture(t, wards+table("provenance")+`
		INSERT INTO observation_history (id, txid, ts, resource) VALUES
			('of-pt-1', 400, '2020-01-01', '{"subject": {"resourceType": "Patient", "id": "pt-1"}}'), ('of-pt-1', 401, now(), '{}'),
			('of-pt-4', 402, now(), '{"subject": {"resourceType": "Location", "id": "l"}, "performer": [{"resourceType": "Patient", "id": "pt-4"}]}'),
			('of-pt-2', 403, now(), '{"subject": {"resourceType": "Patient", "id": "pt-2"}}'),
			('long-gone', 404, '2020-01-01', '{"subject": {"resourceType": "Patient", "id": "pt-1"}}'),
			('ob-1', 405, now(), '{"subject": {"resourceType": "Patient", "id": "pt-1"}}'),
			('of-nobody-2', 406, now(), '{}');
		INSERT INTO patient_history (id, txid, ts, resource) VALUES ('pt-9', 407, now(), '{}'), ('pt-8', 408, now(), '{}');
		INSERT INTO provenance_history (id, txid, ts, resource) VALUES
			('of-ob-1', 409, now(), '{"target": [{"resourceType": "Observation", "id": "ob-1"}]}'), ('of-ob-2', 410, now(), '{"target": [{"resourceType": "Observation", "id": "ob-2"}]}');
		UPDATE "group" SET resource = jsonb_set(resource, '{member, 0, entity, id}', '"pt-9"') WHERE id = 'annex'`)
	f.exec(t, largeGroup)
	f.exec(t, `UPDATE "group" SET resource = jsonb_insert(resource, '{member, 0}', '{"entity": {"resourceType": "Patient", "id": "pt-4"}}') WHERE id = 'ward'`)
	f.start(t, options{})

	all := []string{
		"Observation/of-nobody-2", "Observation/of-pt-1", "Observation/of-pt-2", "Observation/of-pt-4",
		"Patient/pt-8", "Patient/pt-9", "Provenance/of-ob-1", "Provenance/of-ob-2",
	}
	ofGroup := []string{"Observation/of-pt-1", "Observation/of-pt-4", "Patient/pt-9", "Provenance/of-ob-1"}
	for _, test := range []struct {
		name    string
		request jobs.Request
		want    []string
	}{
		{"Patient", jobs.Request{Level: jobs.PatientLevel}, all},
		{"OnePatient", jobs.Request{Level: jobs.PatientLevel, Patients: []string{"pt-1"}}, []string{"Observation/of-pt-1", "Provenance/of-ob-1"}},
		{"Group", jobs.Request{Level: jobs.GroupLevel, Group: "ward"}, ofGroup},
		{"LargeGroup", jobs.Request{Level: jobs.GroupLevel, Group: "large"}, ofGroup},
		{"OneOfTheGroup", jobs.Request{Level: jobs.GroupLevel, Group: "ward", Patients: []string{"pt-4"}}, []string{"Observation/of-pt-4"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.request.ChangedAfter, test.request.Types = time.Now().Add(-time.Hour), []string{"Observation", "Patient", "Provenance"}
			id := f.accept(t, test.request)
			f.await(t, id, jobs.Completed)
			require.Equal(t, test.want, f.deleted(t, id))
		})
	}
}

// The privilege to read the exported tables and that of Group suffices.
func TestFewRights(t *testing.T) {
	t.Parallel()
	f := newFixture(t, trails)
	f.exec(t, `REVOKE SELECT ON patient, patient_history, condition FROM `+f.role)
	f.start(t, options{})
	for _, request := range []jobs.Request{
		{Level: jobs.GroupLevel, Group: "ward"}, {Level: jobs.PatientLevel, Patients: []string{"pt-4", "pt-1"}},
	} {
		request.Types = []string{"Observation", "Provenance"}
		id := f.accept(t, request)
		f.await(t, id, jobs.Completed)
		require.Equal(t, []string{"ob-1", "ob-4"}, f.ids(t, id, "Observation"))
		require.Equal(t, []string{"both", "inner", "ob-1-east", "ob-1-no-date", "ob-1-old", "ob-1-young", "patient", "version"}, f.ids(t, id, "Provenance"))
	}
}

// A history whose versions the role must not read does not show to which patient a
// deleted resource belonged.
func TestDeletionsWithoutVersions(t *testing.T) {
	t.Parallel()
	f := newFixture(t, wards+`INSERT INTO observation_history (id, txid, ts, resource) VALUES ('gone', 400, now(), '{}')`)
	f.exec(t, `REVOKE SELECT ON observation_history FROM `+f.role+`; GRANT SELECT (id, ts) ON observation_history TO `+f.role)
	f.start(t, options{})
	request := jobs.Request{Level: jobs.PatientLevel, ChangedAfter: time.Now().Add(-time.Hour), Types: []string{"Observation"}}
	id := f.accept(t, request)
	f.await(t, id, jobs.Completed)
	require.Equal(t, []string{"Observation/gone"}, f.deleted(t, id))
	request.Patients = []string{"pt-1"}
	id = f.accept(t, request)
	f.await(t, id, jobs.Completed)
	require.NotContains(t, f.manifestKeys(t, id), "deleted")

	f.exec(t, `GRANT SELECT (txid, resource) ON observation_history TO `+f.role)
	id = f.accept(t, request)
	f.await(t, id, jobs.Completed)
	require.Contains(t, f.manifestKeys(t, id), "deleted")
	require.Empty(t, f.deleted(t, id), "it belonged to no patient")
}

// A resource that was changed at the bound or later is not exported.
func TestUntil(t *testing.T) {
	t.Parallel()
	f := newFixture(t, table("patient")+`
		INSERT INTO patient (id, txid, ts, resource) VALUES
			('before', 1, '2024-05-01Z', '{}'), ('at', 2, '2024-05-02Z', '{}'), ('after', 3, '2024-05-03Z', '{}'), ('unknown', 4, NULL, '{}')`)
	f.start(t, options{})
	id := f.accept(t, jobs.Request{Types: []string{"Patient"}, ChangedBefore: time.Date(2024, 5, 2, 0, 0, 0, 0, time.UTC)})
	f.await(t, id, jobs.Completed)
	require.Equal(t, []string{"before"}, f.ids(t, id, "Patient"))
}

// The warnings of the kick-off are exported as a file.
func TestWarnings(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	f.start(t, options{})
	id := f.accept(t, jobs.Request{Types: []string{"Patient"}, Warnings: []jobs.Warning{
		{Code: "invalid", Parameter: "_type", Text: "_type names resource types, and Nonsense is none"},
		{Code: "not-supported", Parameter: "x", Text: "there is no parameter x"},
	}})
	f.await(t, id, jobs.Completed)
	files, err := f.store.Files(t.Context(), id)
	require.NoError(t, err)
	outcomes := f.outcomes(t, files.Outcomes)
	require.Len(t, outcomes, 2)
	require.Equal(t, "invalid", outcomes[0].Issue[0].Code)
	require.Equal(t, []string{"_type"}, outcomes[0].Issue[0].Expression)
	require.Contains(t, outcomes[0].Issue[0].Diagnostics, "Nonsense")
	file, err := f.store.File(t.Context(), id, jobs.WarningsKey(id))
	require.NoError(t, err)
	require.Equal(t, int64(2), file.Resources)
	stored := f.object(t, file.ObjectKey)
	require.Equal(t, int64(len(stored)), file.Bytes)
	require.Equal(t, sum256(stored), file.SHA256)
	require.NotEmpty(t, file.ETag)
	require.Contains(t, string(f.object(t, id.String()+"/manifest.json")), fmt.Sprintf("%x", file.SHA256))
}

func sum256(content []byte) []byte {
	sum := sha256.Sum256(content)
	return sum[:]
}

// Elements that are not requested are omitted, by type or for all.
func TestElements(t *testing.T) {
	t.Parallel()
	f := newFixture(t, wards)
	f.start(t, options{})
	id := f.accept(t, jobs.Request{
		Types: []string{"Patient", "Observation"}, FHIR: true,
		Elements: []string{"Patient.active", "subject"}, Filters: map[string][]string{"Observation": {"_id=ob-1"}, "Patient": {"_id=pt-1"}},
	})
	f.await(t, id, jobs.Completed)
	line := f.lines(t, id, "Observation")[0]
	require.Contains(t, line, `"subject":{"reference":"Patient/pt-1"}`)
	require.Contains(t, line, `"code":{"coding":[{"code":"c-1"}]}`, "mandatory")
	require.Contains(t, line, `"status":"preliminary"`, "mandatory")
	require.Contains(t, line, `"code":"SUBSETTED"`)
	require.Contains(t, f.lines(t, id, "Patient")[0], `"active":true`)

	id = f.accept(t, jobs.Request{Types: []string{"Patient"}, FHIR: true, Elements: []string{"Observation.subject"}})
	f.await(t, id, jobs.Completed)
	require.NotContains(t, f.lines(t, id, "Patient")[0], "active")
}
