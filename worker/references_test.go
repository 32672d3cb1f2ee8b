package worker_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// The forms of references to the patient p1 and to others, by the ids of the resources
// that have them.
var (
	formsOfPatient = map[string]string{
		"aidbox":           `{"id": "p1", "resourceType": "Patient"}`,
		"display":          `{"id": "p1", "resourceType": "Patient", "display": "P", "extension": [{"url": "u", "valueString": "x"}]}`,
		"element-id":       `{"id": "e1", "reference": "Patient/p1"}`,
		"fhir":             `{"reference": "Patient/p1", "type": "Patient"}`,
		"fhir-version":     `{"reference": "Patient/p1/_history/3"}`,
		"forgotten":        `{"reference": "Patient/p1/_history/77"}`,
		"fhirbase":         `{"id": "Patient/p1"}`,
		"fhirbase-version": `{"id": "Patient/p1/_history/2"}`,
		"id-and-uri":       `{"id": "e1", "uri": "Patient/p1/_history/3"}`,
		"null-members":     `{"id": "p1", "resourceType": "Patient", "uri": null, "reference": null}`,
		"typed-version":    `{"id": "p1/_history/2", "resourceType": "Patient"}`,
		"uri":              `{"uri": "Patient/p1"}`,
		"uri-version":      `{"uri": "Patient/p1/_history/3"}`,
	}
	formsOfOthers = map[string]string{
		"device":         `{"id": "p1", "resourceType": "Device"}`,
		"device-fhir":    `{"reference": "Device/p1"}`,
		"element-only":   `{"id": "p1"}`,
		"local":          `{"localRef": "p1"}`,
		"local-fhir":     `{"reference": "#p1"}`,
		"logical":        `{"identifier": {"value": "p1"}, "type": "Patient"}`,
		"logical-aidbox": `{"identifier": {"value": "p1"}, "resourceType": "Patient"}`,
		"nothing":        `null`,
		"number":         `{"id": 1, "resourceType": "Patient"}`,
		"other-server":   `{"reference": "http://other.example.org/Patient/p1"}`,
		"other-uri":      `{"uri": "http://other.example.org/Patient/p1"}`,
		"two-targets":    `{"id": "p1", "resourceType": "Patient", "uri": "urn:uuid:1"}`,
	}
)

// formsSetup creates an observation with each form, a deleted one, a Group with that as
// its only member, and a Provenance of the observation, all with the same id.
func formsSetup() string {
	var sql strings.Builder
	sql.WriteString(table("patient") + table("observation") + table("provenance") + `
		CREATE TABLE "group" (LIKE patient INCLUDING ALL);
		INSERT INTO patient (id, txid, resource) VALUES ('p1', 3, '{}'), ('p2', 4, '{}');
		INSERT INTO patient_history (id, txid, resource) VALUES ('p1', 2, '{}');`)
	txid := 10
	for _, forms := range []map[string]string{formsOfPatient, formsOfOthers} {
		for id, form := range forms {
			txid++
			fmt.Fprintf(&sql, `
				INSERT INTO observation (id, txid, resource) VALUES ('%[1]s', %[3]d, '{"subject": %[2]s}');
				INSERT INTO observation_history (id, txid, ts, resource) VALUES ('gone-%[1]s', %[3]d, now(), '{"subject": %[2]s}');
				INSERT INTO provenance (id, txid, resource) VALUES ('%[1]s', %[3]d, '{"target": [%[4]s]}'), ('to-%[1]s', %[3]d, '{"target": [%[2]s]}');
				INSERT INTO "group" (id, txid, resource) VALUES ('%[1]s', %[3]d, '{"member": [{"entity": %[2]s}]}');`,
				id, form, txid, fmt.Sprintf(`{"reference": "Observation/%s/_history/1"}`, id))
		}
	}
	return sql.String()
}

func sortedKeys(forms map[string]string, prefix string) (ids []string) {
	for id := range forms {
		ids = append(ids, prefix+id)
	}
	slices.Sort(ids)
	return ids
}

// blocksOf returns the ids of the resources of a type in the block of each patient.
func (f *fixture) blocksOf(t *testing.T, id uuid.UUID, resourceType string) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for patient, lines := range f.blocks(t, id) {
		for _, line := range lines {
			var resource struct{ ID, ResourceType string }
			require.NoError(t, json.Unmarshal([]byte(line), &resource))
			if resource.ResourceType == resourceType {
				found[patient] = append(found[patient], resource.ID)
			}
		}
		slices.Sort(found[patient])
	}
	return found
}

// TestFormsOfReferences: whatever form a reference is stored in, all outputs resolve it
// to the same patient, with and without an index on the documents.
func TestFormsOfReferences(t *testing.T) {
	t.Parallel()
	f := newFixture(t, formsSetup())
	f.start(t, options{})
	of, others := sortedKeys(formsOfPatient, ""), sortedKeys(formsOfOthers, "")
	provenance := slices.Sorted(slices.Values(append(sortedKeys(formsOfPatient, "to-"), of...)))
	types := []string{"Observation", "Patient", "Provenance"}
	export := func(request jobs.Request) uuid.UUID {
		request.Types, request.FHIR = types, true
		id := f.accept(t, request)
		f.await(t, id, jobs.Completed)
		return id
	}
	check := func(t *testing.T) {
		t.Helper()
		id := export(jobs.Request{})
		require.Equal(t, slices.Sorted(slices.Values(append(others, of...))), f.ids(t, id, "Observation"))

		for name, request := range map[string]jobs.Request{
			"all":     {Level: jobs.PatientLevel},
			"patient": {Level: jobs.PatientLevel, Patients: []string{"p1"}},
			"group":   {Level: jobs.GroupLevel, Group: "fhir-version"},
		} {
			id := export(request)
			require.Equal(t, of, f.ids(t, id, "Observation"), name)
			require.Equal(t, provenance, f.ids(t, id, "Provenance"), name)
			request.OrganizeBy = "Patient"
			id = export(request)
			require.Equal(t, of, f.blocksOf(t, id, "Observation")["p1"], name)
			require.Equal(t, provenance, f.blocksOf(t, id, "Provenance")["p1"], name)
		}
		id = export(jobs.Request{Level: jobs.PatientLevel, Patients: []string{"p2"}})
		require.Empty(t, f.ids(t, id, "Observation"))

		id = export(jobs.Request{Level: jobs.PatientLevel, Patients: []string{"p1"}, ChangedAfter: time.Now().Add(-time.Hour)})
		require.Equal(t, sortedKeys(formsOfPatient, "Observation/gone-"), f.deleted(t, id))

		for query, want := range map[string][]string{
			"subject=Patient/p1": of, "patient=p1": of, "patient=Patient/p1": of, "patient:missing=false": of, "patient:missing=true": others,
			"subject=Patient/p1/_history/2": {"fhirbase-version", "typed-version"}, "subject=http://other.example.org/Patient/p1": {"other-server", "other-uri"},
			"subject=Device/p1": {"device", "device-fhir"}, "subject=Patient/p1/_history/77": {"forgotten"},
		} {
			id := export(jobs.Request{Filters: map[string][]string{"Observation": {query}}})
			require.Equal(t, want, f.ids(t, id, "Observation"), query)
		}
	}
	t.Run("Scan", check)

	for _, forms := range []map[string]string{formsOfPatient, formsOfOthers} {
		for group := range forms {
			id := export(jobs.Request{Level: jobs.GroupLevel, Group: group})
			_, isMember := formsOfPatient[group]
			require.Equal(t, isMember, len(f.ids(t, id, "Patient")) == 1, group)
		}
	}

	f.exec(t, `ALTER TABLE observation SET (autovacuum_enabled = false);
		CREATE INDEX ON observation USING gin (resource jsonb_path_ops);
		INSERT INTO observation (id, txid, resource) SELECT 'more-' || n, 1000 + n, jsonb_build_object('implicitRules', repeat(md5(n::text), 40)) FROM generate_series(1, 5000) AS n;
		ANALYZE observation;
		DELETE FROM observation WHERE id LIKE 'more-%'`)
	t.Run("Index", check)
	f.exec(t, `CREATE INDEX ON observation (id) WHERE resource::text LIKE '%\_history%'`)
	t.Run("IndexOfVersions", check)
}

// TestLatestProvenanceOfForms: the latest Provenance of a resource is found whatever
// form the references have, also those to versions.
func TestLatestProvenanceOfForms(t *testing.T) {
	t.Parallel()
	var sql strings.Builder
	sql.WriteString(table("patient") + table("provenance") + `INSERT INTO patient (id, txid, resource) VALUES ('p1', 3, '{}');`)
	ids := sortedKeys(formsOfPatient, "")
	slices.Reverse(ids)
	for n, id := range ids {
		fmt.Fprintf(&sql, `INSERT INTO provenance (id, txid, resource) VALUES ('%s', %d, '{"recorded": "2024-01-%02dT00:00:00Z", "target": [%s]}');`, id, 10+n, n+1, formsOfPatient[id])
	}
	sql.WriteString(`DELETE FROM provenance WHERE id IN ('aidbox', 'display')`)
	f := newFixture(t, sql.String())
	f.start(t, options{})
	id := f.accept(t, jobs.Request{Types: []string{"Patient", "Provenance"}, Associated: jobs.LatestAssociated, FHIR: true})
	f.await(t, id, jobs.Completed)
	require.Equal(t, []string{"element-id"}, f.ids(t, id, "Provenance"), "the last of them, and only that")
}
