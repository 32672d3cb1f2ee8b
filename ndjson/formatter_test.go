package ndjson_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/jsonb/jsonbtest"
)

// stored returns the row in the stored form.
func stored(row *source.Row) *source.Row {
	row.Resource, row.Stored = jsonbtest.Encode(row.Resource), true
	return row
}

// A projection has what it names, the id and the type, and no tag.
func TestFormatterProjects(t *testing.T) {
	t.Parallel()
	const resource = `{"meta": {"tag": [{"code": "x"}]}, "name": [{"family": "x"}], "gender": "male", "deceased": {"boolean": true}, "birthDate": "2000"}`
	for element, want := range map[string]string{
		"deceased": `before {"id":"pt-1","deceasedBoolean":true,"resourceType":"Patient"}`,
		"gender":   `before {"id":"pt-1","gender":"male","resourceType":"Patient"}`,
		"meta": `before {"id":"pt-1","meta":{"tag":[{"code":"x"}],"versionId":481,"lastUpdated":"2021-06-10T08:26:10.707454Z",` +
			`"extension":[{"url":"ex:createdAt","valueInstant":"2021-06-10T08:26:10.707454Z"}]},"resourceType":"Patient"}`,
	} {
		f := ndjson.NewFormatter("Patient", ndjson.Format{FHIR: true, Projection: []string{element}}, nil)
		for _, row := range []*source.Row{row(resource), stored(row(resource))} {
			document, err := f.Append([]byte("before "), row)
			require.NoError(t, err)
			require.Equal(t, want, string(document))
		}
	}
}

// What a formatter omits is reported, as are elements that stay as stored.
func TestFormatterReports(t *testing.T) {
	t.Parallel()
	var issues []ndjson.Issue
	f := ndjson.NewFormatter("Patient", ndjson.Format{FHIR: true}, func(i ndjson.Issue) { issues = append(issues, i) })
	for _, row := range []*source.Row{row(`[1]`), stored(row(`"x"`))} {
		require.True(t, f.Omits(row))
	}
	odd := row(`{"deceased": 1}`)
	require.False(t, f.Omits(odd))
	_, err := f.Append(nil, odd)
	require.NoError(t, err)
	require.Len(t, issues, 3)
	require.True(t, issues[0].Omitted && issues[1].Omitted)
	require.Equal(t, "Patient.deceased", issues[2].Path)
	require.Equal(t, "pt-1", issues[2].ID)
}
