package jobs_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// A manifest of many files is not gathered before the first of them is told.
func TestManifestIsWrittenAsLinksAreMade(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	export := jobs.Export{ID: uuid.New(), TransactionTime: &at, Request: jobs.Request{URL: "https://fhir.example.org/$export?_type=A&_since=2024"}}
	files := jobs.Files{Deleted: []jobs.File{}, Outcomes: []jobs.File{{ResourceType: "OperationOutcome", ObjectKey: "e", Resources: 1}}}
	for i := range 1000 {
		files.Output = append(files.Output, jobs.File{ResourceType: "Patient", ObjectKey: fmt.Sprint("o", i), Resources: int64(i), Bytes: 7, SHA256: []byte{0xab}})
	}

	var written bytes.Buffer
	before := ""
	require.NoError(t, export.WriteManifest(&written, files, jobs.ManifestOptions{
		RequiresAccessToken: true,
		URL: func(file jobs.File) (string, error) {
			require.Contains(t, written.String(), before)
			before = "https://s3/" + file.ObjectKey + "?a=b&c=d"
			return before, nil
		},
	}))
	require.NotContains(t, written.String(), `\u0026`, "links are to be copied")

	var m map[string]any
	require.NoError(t, json.Unmarshal(written.Bytes(), &m))
	require.Len(t, m["output"], 1000)
	require.Equal(t, map[string]any{
		"type": "Patient", "url": "https://s3/o999?a=b&c=d", "count": 999.0, "fileSize": 7.0,
		"extension": map[string]any{"sha256": "ab"},
	}, m["output"].([]any)[999])
	delete(m, "output")
	require.Equal(t, map[string]any{
		"transactionTime":     "2024-05-06T07:08:09.000000Z",
		"request":             "https://fhir.example.org/$export?_type=A&_since=2024",
		"requiresAccessToken": true,
		"outputFormat":        "application/fhir+ndjson",
		"deleted":             []any{},
		"error":               []any{map[string]any{"type": "OperationOutcome", "url": "https://s3/e?a=b&c=d", "count": 1.0}},
	}, m)

	refused := errors.New("no credentials")
	require.ErrorIs(t, export.WriteManifest(&written, files, jobs.ManifestOptions{
		URL: func(jobs.File) (string, error) { return "", refused },
	}), refused)
}
