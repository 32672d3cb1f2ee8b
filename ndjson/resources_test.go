package ndjson_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
)

// notResources are jsonb documents that are not objects, two of them larger than any
// buffer.
var notResources = []string{
	`17`, `[1, 2]`, `[]`, `null`, `true`, `"text"`, `[{"id": "x", "resourceType": "Patient"}]`,
	`"` + strings.Repeat("x", 1<<20) + `"`, `[` + strings.Repeat("1, ", 1<<20) + `1]`,
}

// FHIR ndjson contains only resources. Other rows are reported.
func TestNotResources(t *testing.T) {
	t.Parallel()
	rows := rowsOf(slices.Concat(notResources, []string{`{"active": true}`}, notResources)...)
	var issues []ndjson.Issue
	opts := ndjson.Options{Format: ndjson.Format{FHIR: true}, Issue: func(issue ndjson.Issue) { issues = append(issues, issue) }}

	text, result, err := write(t, rows, opts)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(text, "\n"))
	require.True(t, strings.HasPrefix(text, `{"id":"pt-1"`), text)
	require.EqualValues(t, 1, result.Rows)
	require.EqualValues(t, 2*len(notResources), result.Issues)
	for _, issue := range issues {
		require.Equal(t, ndjson.Issue{ResourceType: "Patient", ID: "pt-1", Path: "Patient", Reason: "not an object", Omitted: true}, issue)
	}

	text, _, err = write(t, rowsOf(notResources...), ndjson.Options{})
	require.NoError(t, err)
	require.Equal(t, strings.Join(notResources, "\n")+"\n", text, "Aidbox's format has them as stored")
}

// A dump without resources has no file, and a patient block without resources no
// header.
func TestNoResources(t *testing.T) {
	t.Parallel()
	var out many
	result, files, err := ndjson.WriteFiles(t.Context(), out.next, "Patient", rowsOf(notResources...), ndjson.Options{Gzip: true, Format: ndjson.Format{FHIR: true}})
	require.NoError(t, err)
	require.Empty(t, files)
	require.Empty(t, out.files)
	require.Positive(t, result.StoredBytes, "progress counts what was read")

	for _, limit := range []int64{0, 1, 100, 200} {
		blocks := func(to *ndjson.PatientBlockWriter) error {
			for _, id := range []string{"a", "b", "c"} {
				if err := to.Begin([]byte(id), 1<<30); err != nil {
					return err
				}
				resource := `17`
				if id == "b" {
					resource = `{"text": "` + strings.Repeat("x", 100) + `"}`
				}
				if err := to.Row("Observation", &source.Row{ID: []byte("o"), Resource: []byte(resource)}); err != nil {
					return err
				}
			}
			return nil
		}
		var out many
		_, files, err := writePatientBlocks(t, out.next, blocks, ndjson.PatientBlockOptions{Type: "Patient", Options: ndjson.Options{MaxFileBytes: limit, Format: ndjson.Format{FHIR: true}}})
		require.NoError(t, err)
		require.Len(t, files, 1)
		require.EqualValues(t, 1, files[0].Rows)
		require.Len(t, out.files, 1)
		require.Equal(t, 1, strings.Count(out.files[0].String(), `"Parameters"`))
	}
}
