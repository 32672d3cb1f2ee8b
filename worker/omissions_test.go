package worker_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// TestOmissions: the manifest's error says what an export lacks because an optional
// table cannot be read.
func TestOmissions(t *testing.T) {
	t.Parallel()
	f := newFixture(t, table("patient")+table("observation")+table("provenance")+table("attribute")+`
		INSERT INTO patient (id, txid, resource) VALUES ('p', 1, '{"race": "x"}')`)
	f.exec(t, `REVOKE ALL ON attribute, observation FROM `+f.role)
	f.start(t, options{})
	const denied = " cannot be read: the database role of the server has no SELECT privilege on it"

	id := f.accept(t, jobs.Request{FHIR: true, Level: jobs.PatientLevel, Types: []string{"Patient", "Provenance"}, Patients: []string{"p"}})
	f.await(t, id, jobs.Completed)
	require.Equal(t, []string{
		"incomplete: first-class extensions are exported as they are stored: table attribute" + denied,
		"incomplete: Provenance of resources of these types may be missing: Observation (table observation" + denied + ")",
	}, f.warnings(t, id))
	require.Contains(t, f.lines(t, id, "Patient")[0], `"race":"x"`)

	f.exec(t, `GRANT SELECT ON ALL TABLES IN SCHEMA public TO `+f.role)
	id = f.accept(t, jobs.Request{FHIR: true, Level: jobs.PatientLevel, Types: []string{"Patient", "Provenance"}, Patients: []string{"p"}})
	f.await(t, id, jobs.Completed)
	require.Empty(t, f.warnings(t, id))
}

// TestNothingToExport: an export fails if none of its types has a table, so that it
// does not look like one without resources.
func TestNothingToExport(t *testing.T) {
	t.Parallel()
	f := newFixture(t, ``)
	f.start(t, options{})
	export := f.await(t, f.accept(t, jobs.Request{}), jobs.Failed)
	require.Contains(t, export.Failure, "the table does not exist")
}

// TestRowsOfOtherTypes: rows that name another type than their table are exported as
// the table's type, and reported.
func TestRowsOfOtherTypes(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup()+`
		UPDATE patient SET resource_type = 'Patient';
		UPDATE patient SET resource_type = 'Device' WHERE id = 'pt-200';
		UPDATE encounter SET resource = resource || '{"resourceType": "encounter"}' WHERE id = 'en-1'`)
	f.start(t, options{})
	id := f.accept(t, jobs.Request{Types: []string{"Patient", "Encounter"}})
	f.await(t, id, jobs.Completed)
	files, err := f.store.Files(t.Context(), id)
	require.NoError(t, err)
	var texts []string
	for _, outcome := range f.outcomes(t, files.Outcomes) {
		texts = append(texts, outcome.Issue[0].Diagnostics)
	}
	require.ElementsMatch(t, []string{
		"some rows of table patient name other resource types (Device); all of its rows are exported as Patient",
		"some rows of table encounter name other resource types (encounter); all of its rows are exported as Encounter",
	}, texts)
	require.Len(t, f.lines(t, id, "Patient"), 200)
	require.Contains(t, fmt.Sprint(f.lines(t, id, "Patient")), `"id": "pt-200"`)
}

// TestUnnamedTableExport: a type in a table of another name is exported, with its
// deletions.
func TestUnnamedTableExport(t *testing.T) {
	t.Parallel()
	f := newFixture(t, table("observation_main")+`
		INSERT INTO observation_main (id, txid, resource_type, resource) VALUES ('o', 1, 'Observation', '{}');
		INSERT INTO observation_main_history (id, txid, resource_type, resource) VALUES ('gone', 1, 'Observation', '{}')`)
	f.start(t, options{})
	id := f.accept(t, jobs.Request{FHIR: true, ChangedAfter: time.Unix(0, 0), Existing: true, Types: []string{"Observation"}})
	f.await(t, id, jobs.Completed)
	require.Len(t, f.lines(t, id, "Observation"), 1)
	require.Equal(t, []string{"Observation/gone"}, f.deleted(t, id))
	require.Empty(t, f.warnings(t, id))
}
