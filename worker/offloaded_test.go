package worker_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// offloadedPatients have four photos, three of which Aidbox stores elsewhere.
const offloadedPatients = `
	UPDATE patient SET resource = resource || replace('{"photo": [
		{"contentType": "image/png", "_data": {"extension": [{"url": "URL", "extension": [{"url": "hash", "valueString": "q83v"}, {"url": "location", "valueString": "s3://bucket/a"}]}]}},
		{"contentType": "image/png", "_data": {"extension": [{"url": "URL", "extension": [{"url": "location", "valueString": "s3://bucket/b"}]}]}}]}',
		'URL', 'http://health-samurai.io/fhir/core/data-offloaded-to-external-storage')::jsonb WHERE id = 'pt-1';
	UPDATE patient SET resource = resource || replace('{"photo": [{"data": "q83v", "_data": {"extension": [{"url": "http://example.org", "valueString": "x"}]}},
		{"_data": {"extension": [{"url": "URL"}]}}]}', 'URL', 'http://health-samurai.io/fhir/core/data-offloaded-to-external-storage')::jsonb WHERE id = 'pt-2';`

// Values that Aidbox stores outside of the database are exported as the stored
// pointers, and their number is reported, in both formats and by patient.
func TestOffloaded(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup()+offloadedPatients)
	f.start(t, options{})
	for _, request := range []jobs.Request{
		{Types: []string{"Patient", "Encounter"}, FHIR: true},
		{Types: []string{"Patient", "Encounter"}},
	} {
		id := f.accept(t, request)
		f.await(t, id, jobs.Completed)
		files, err := f.store.Files(t.Context(), id)
		require.NoError(t, err)
		outcomes := f.outcomes(t, files.Outcomes)
		require.Len(t, outcomes, 1)
		issue := outcomes[0].Issue[0]
		require.Equal(t, "warning", issue.Severity)
		require.Equal(t, "Patient: values stored outside of the database: 3; they are exported as pointers", issue.Diagnostics)
		found := 0
		for _, line := range f.lines(t, id, "Patient") {
			if strings.Contains(line, "data-offloaded-to-external-storage") {
				found++
			}
		}
		require.Equal(t, 2, found)
	}

	id := f.accept(t, jobs.Request{Types: []string{"Patient"}, FHIR: true, Elements: []string{"gender"}})
	f.await(t, id, jobs.Completed)
	files, err := f.store.Files(t.Context(), id)
	require.NoError(t, err)
	require.Empty(t, files.Outcomes, "values that are not exported are not reported")
}
