package worker_test

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/jobs/manifest"
)

// badEncounters are stored in an invalid form: some with a choice of two types, some
// with a reference that has only an id.
const badEncounters = `INSERT INTO encounter (id, txid, resource)
	SELECT 'bad-' || n, 2000 + n, '{"subject": {"id": "pt-1"}, "status": "planned"}'
	FROM generate_series(1, %d) AS n;`

// outcome is an OperationOutcome as a bulk client reads it.
type outcome struct {
	ResourceType string
	Issue        []struct {
		Severity, Code, Diagnostics string
		Expression                  []string
	}
}

func (f *fixture) outcomes(t *testing.T, files []jobs.File) (outcomes []outcome) {
	t.Helper()
	for _, file := range files {
		require.Equal(t, "OperationOutcome", file.ResourceType)
		lines := unzip(t, f.object(t, file.ObjectKey))
		require.Len(t, lines, int(file.Resources))
		for _, line := range lines {
			var o outcome
			require.NoError(t, json.Unmarshal([]byte(line), &o))
			outcomes = append(outcomes, o)
		}
	}
	return outcomes
}

// What cannot be converted is exported as it is stored, and reported.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup()+fmt.Sprintf(badEncounters, 2))
	f.start(t, options{})

	id := f.accept(t, jobs.Request{FHIR: true})
	f.await(t, id, jobs.Completed)
	files, err := f.store.Files(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, f.lines(t, id, "Encounter"), 102, "nothing is lost")
	require.Len(t, f.lines(t, id, "Patient"), 200)

	outcomes := f.outcomes(t, files.Outcomes)
	require.Len(t, outcomes, 2)
	require.Equal(t, "OperationOutcome", outcomes[0].ResourceType)
	issue := outcomes[0].Issue[0]
	require.Equal(t, "warning", issue.Severity)
	require.Contains(t, issue.Diagnostics, "Encounter/bad-1: Encounter.subject: a reference with only an id")
	require.Equal(t, []string{"Encounter.subject"}, issue.Expression)

	require.Equal(t, []manifest.Entry{
		f.output(t, "OperationOutcome", id.String()+"/error/Encounter.errors.0001.ndjson.gz", 2),
	}, f.manifest(t, id).Error)
}

// The outcomes of a defect in all resources are limited.
func TestOutcomesAreBounded(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup()+fmt.Sprintf(badEncounters, 1200))
	f.start(t, options{})

	id := f.accept(t, jobs.Request{FHIR: true})
	f.await(t, id, jobs.Completed)
	files, err := f.store.Files(t.Context(), id)
	require.NoError(t, err)
	outcomes := f.outcomes(t, files.Outcomes)
	require.Len(t, outcomes, 1001)
	require.Contains(t, outcomes[1000].Issue[0].Diagnostics, "200 more issues")
}

// First-class extensions become extensions if the database describes them.
func TestAttributes(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup()+table("attribute")+`
		INSERT INTO attribute (id, txid, resource) VALUES
		('Patient.race', 1, '{"path": ["race"], "resource": {"id": "Patient", "resourceType": "Entity"}, "type": {"id": "code", "resourceType": "Entity"}, "extensionUrl": "urn:race"}'),
		('Patient.citizenship', 2, '{"path": ["citizenship"], "resource": {"id": "Patient", "resourceType": "Entity"}, "type": {"id": "code", "resourceType": "Entity"}}'),
		('nonsense', 3, '{"path": 1}');
		DELETE FROM patient WHERE txid > 1;
		UPDATE patient SET resource = '{"race": "x", "citizenship": "ru"}'`)
	f.start(t, options{})

	id := f.accept(t, jobs.Request{FHIR: true, Types: []string{"Patient"}})
	f.await(t, id, jobs.Completed)
	line := f.lines(t, id, "Patient")[0]
	require.Contains(t, line, `"extension":[{"url":"urn:race","valueCode":"x"}]`)
	require.Contains(t, line, `"citizenship":"ru"`)
}

// A row that is not a resource is not in a FHIR file, is not counted, and is reported.
func TestNotResources(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup()+`INSERT INTO patient (id, txid, resource) VALUES ('number', 9001, '17'), ('array', 9002, '[1, 2]'), ('null', 9003, 'null')`)
	f.start(t, options{})

	id := f.accept(t, jobs.Request{FHIR: true, Types: []string{"Patient"}})
	f.await(t, id, jobs.Completed)
	lines := f.lines(t, id, "Patient")
	require.Len(t, lines, 200)
	for _, line := range lines {
		require.Equal(t, byte('{'), line[0], line)
	}
	files, err := f.store.Files(t.Context(), id)
	require.NoError(t, err)
	var told []string
	for _, o := range f.outcomes(t, files.Outcomes) {
		told = append(told, o.Issue[0].Diagnostics)
	}
	require.ElementsMatch(t, []string{
		"Patient/number: Patient: not an object; it is not exported",
		"Patient/array: Patient: not an object; it is not exported",
		"Patient/null: Patient: not an object; it is not exported",
	}, told)
	require.EqualValues(t, 200, f.manifest(t, id).Output[0].Count)
}

// The files of a manifest have distinct base names, so that a client can save them to
// one directory.
func TestBaseNamesAreDistinct(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup()+fmt.Sprintf(badEncounters, 2)+`
INSERT INTO encounter_history (id, txid, ts, resource_type, status, resource) VALUES ('gone', 9999, now(), 'Encounter', 'deleted', '{}');
UPDATE encounter SET ts = now()`)
	f.start(t, options{})

	id := f.accept(t, jobs.Request{FHIR: true, ChangedAfter: time.Now().Add(-time.Hour), Warnings: []jobs.Warning{{Code: "invalid", Text: "x"}}})
	f.await(t, id, jobs.Completed)
	m := f.manifest(t, id)
	require.NotEmpty(t, m.Output)
	require.NotEmpty(t, m.Deleted)
	require.Greater(t, len(m.Error), 1)
	seen := map[string]string{}
	for _, file := range slices.Concat(m.Output, m.Deleted, m.Error) {
		name := path.Base(file.URL)
		require.Empty(t, seen[name], "%s and %s have one name", seen[name], file.URL)
		seen[name] = file.URL
	}
}
