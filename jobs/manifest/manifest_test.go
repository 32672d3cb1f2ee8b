package manifest_test

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
	"github.com/seed-90096f4d/sluice/jobs/manifest"
)

// Entries are written as soon as their links are made.
func TestManifestIsWrittenAsLinksAreMade(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	export := jobs.Export{ID: uuid.New(), TransactionTime: &at, Request: jobs.Request{URL: "https://fhir.example.org/$export?_type=A&_since=2024"}}
	files := jobs.Files{Deleted: []jobs.File{}, Outcomes: []jobs.File{{ResourceType: "OperationOutcome", ObjectKey: "e", Resources: 1, MaxLineBytes: 3, Bytes: 4, SHA256: []byte{0xcd}}}}
	for i := range 1000 {
		files.Output = append(files.Output, jobs.File{ResourceType: "Patient", ObjectKey: fmt.Sprint("o", i), Resources: int64(i), MaxLineBytes: 5, Bytes: 7, SHA256: []byte{0xab}})
	}

	var written bytes.Buffer
	before := ""
	require.NoError(t, manifest.Write(&written, export, files, manifest.Options{
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
		"extension": map[string]any{"sha256": "ab", "maxLineBytes": 5.0},
	}, m["output"].([]any)[999])
	delete(m, "output")
	require.Equal(t, map[string]any{
		"transactionTime":     "2024-05-06T07:08:09.000000Z",
		"request":             "https://fhir.example.org/$export?_type=A&_since=2024",
		"requiresAccessToken": true,
		"outputFormat":        "application/fhir+ndjson",
		"deleted":             []any{},
		"error": []any{map[string]any{"type": "OperationOutcome", "url": "https://s3/e?a=b&c=d", "count": 1.0, "fileSize": 4.0,
			"extension": map[string]any{"sha256": "cd", "maxLineBytes": 3.0}}},
	}, m)

	refused := errors.New("no credentials")
	require.ErrorIs(t, manifest.Write(&written, export, files, manifest.Options{
		URL: func(jobs.File) (string, error) { return "", refused },
	}), refused)
}

// A file whose last patient block continues in the next file has its URL (Bulk Data
// 3.0.0, "continuesInFile"), which is made only once.
func TestManifestOrganizedByPatient(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	export := jobs.Export{ID: uuid.New(), TransactionTime: &at, Request: jobs.Request{OrganizeBy: "Patient"}}
	files := jobs.Files{Output: []jobs.File{
		{ObjectKey: "a", Resources: 1, Continues: true}, {ObjectKey: "b", Resources: 2, Continues: true}, {ObjectKey: "c", Resources: 3}, {ObjectKey: "d", Resources: 4},
	}}
	made := 0
	var written bytes.Buffer
	require.NoError(t, manifest.Write(&written, export, files, manifest.Options{URL: func(file jobs.File) (string, error) {
		made++
		return fmt.Sprintf("%s-%d", file.ObjectKey, made), nil
	}}))
	var m map[string]any
	require.NoError(t, json.Unmarshal(written.Bytes(), &m))
	require.Equal(t, "Patient", m["outputOrganizedBy"])
	for _, entry := range m["output"].([]any) {
		delete(entry.(map[string]any), "fileSize")
		delete(entry.(map[string]any), "extension")
	}
	require.Equal(t, []any{
		map[string]any{"url": "a-1", "count": 1.0, "continuesInFile": "b-2"},
		map[string]any{"url": "b-2", "count": 2.0, "continuesInFile": "c-3"},
		map[string]any{"url": "c-3", "count": 3.0},
		map[string]any{"url": "d-4", "count": 4.0},
	}, m["output"])
}
