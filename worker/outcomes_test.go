package worker_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// badEncounters are stored as nobody should store them: a choice with two types
// in some place, a reference with an id only in another.
const badEncounters = `INSERT INTO encounter (id, txid, resource)
	SELECT 'bad-' || n, 2000 + n, '{"subject": {"id": "pt-1"}, "status": "planned"}'
	FROM generate_series(1, %d) AS n;`

// outcome is what a bulk client reads of an OperationOutcome.
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

// What can't be converted is exported as it is stored, and told.
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
	require.Contains(t, issue.Diagnostics, "Encounter/bad-1: Encounter.subject: a reference with an id only")
	require.Equal(t, []string{"Encounter.subject"}, issue.Expression)

	require.Equal(t, []jobs.ManifestOutput{
		f.output(t, "OperationOutcome", id.String()+"/error/Encounter.0001.OperationOutcome.ndjson.gz", 2),
	}, f.manifest(t, id).Error)
}

// A defect that is everywhere does not make a second export of the first.
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

// First-class extensions become extensions where the database describes them.
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
