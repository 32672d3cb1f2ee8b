package worker_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
)

// dumped returns the lines of a synchronous dump, sorted.
func (f *fixture) dumped(t *testing.T, resourceType string, format ndjson.Format) []string {
	t.Helper()
	src, err := source.Open(t.Context(), source.Config{URL: f.url})
	require.NoError(t, err)
	defer src.Close()
	table, err := src.Table(t.Context(), resourceType)
	require.NoError(t, err)

	rows, err := src.Scan(t.Context(), source.Scan{Table: table})
	require.NoError(t, err)
	defer rows.Close()
	var out bytes.Buffer
	_, err = ndjson.Write(t.Context(), &out, resourceType, rows, ndjson.Options{Format: format})
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	slices.Sort(lines)
	return lines
}

func TestExportFormats(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	f.start(t, options{partBytes: 3 * 8192})

	style := fhir.Style{VersionIDAsString: true, CreatedAtURL: "https://example.org/created"}
	strict := f.accept(t, jobs.Request{FHIR: true, Style: style})
	aidbox := f.accept(t, jobs.Request{})
	f.await(t, strict, jobs.Completed)
	f.await(t, aidbox, jobs.Completed)

	for _, resourceType := range []string{"Encounter", "Patient"} {
		require.Equal(t, f.dumped(t, resourceType, ndjson.Format{}), f.lines(t, aidbox, resourceType))
		require.Equal(t,
			f.dumped(t, resourceType, ndjson.Format{FHIR: true, Style: style}),
			f.lines(t, strict, resourceType))
	}

	var encounter map[string]any
	require.NoError(t, json.Unmarshal([]byte(f.lines(t, strict, "Encounter")[0]), &encounter))
	require.Equal(t, map[string]any{"reference": "Patient/pt-1"}, encounter["subject"])
	meta, _ := encounter["meta"].(map[string]any)
	require.Equal(t, "1001", meta["versionId"])
	extension, err := json.Marshal(meta["extension"])
	require.NoError(t, err)
	require.Contains(t, string(extension), `"url":"https://example.org/created"`)
}
