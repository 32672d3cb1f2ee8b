package worker_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/jobs/manifest"
)

func TestExport(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	open := f.gate(t, "patient")
	before := time.Now()
	f.start(t, options{slots: 2})
	id := f.accept(t, jobs.Request{
		URL:   "https://fhir.example.org/fhir/$export",
		Types: []string{"Encounter", "Observation", "Patient", "Slot"}, // there is no table of slots
	})

	f.awaitReaders(t, 1)
	f.eventually(t, "the other file is there", func() bool { return len(f.keys(t, id)) > 0 })
	require.Equal(t, []string{"Encounter.0001.ndjson.gz"}, f.keys(t, id), "the manifest comes last")
	open()
	export := f.await(t, id, jobs.Completed)

	require.Equal(t, []string{"Encounter.0001.ndjson.gz", "Patient.0001.ndjson.gz", "manifest.json"}, f.keys(t, id))
	f.requireFiles(t, id, map[string]int64{"Encounter": 100, "Patient": 200})
	require.Equal(t, f.oracle(t, "Patient", "patient"), f.lines(t, id, "Patient"))
	require.Equal(t, f.oracle(t, "Encounter", "encounter"), f.lines(t, id, "Encounter"))

	require.Equal(t, export.BytesPlanned, export.BytesRead)
	require.WithinRange(t, *export.TransactionTime, before.Add(-time.Minute), time.Now())
	require.WithinDuration(t, time.Now().Add(24*time.Hour), *export.ExpiresAt, time.Minute)
	require.Equal(t, manifestDocument{
		TransactionTime: export.TransactionTime.UTC().Format("2006-01-02T15:04:05.000000Z"),
		Request:         "https://fhir.example.org/fhir/$export",
		OutputFormat:    "application/fhir+ndjson",
		Output: []manifest.Entry{
			f.output(t, "Encounter", id.String()+"/Encounter.0001.ndjson.gz", 100),
			f.output(t, "Patient", id.String()+"/Patient.0001.ndjson.gz", 200),
		},
		Error: []manifest.Entry{},
	}, f.manifest(t, id))

	require.Zero(t, f.count(t, `SELECT count(*) FROM sluice.river_job WHERE kind IN ('sluice_export', 'sluice_part') AND state <> 'completed'`))
	f.awaitNoSessions(t)
	require.Zero(t, f.uploads(t))
}

// output returns the manifest's entry for an object, computed from the object.
func (f *fixture) output(t *testing.T, resourceType, key string, count int64) manifest.Entry {
	t.Helper()
	stored := f.object(t, key)
	longest := 0
	for _, line := range unzip(t, stored) {
		longest = max(longest, len(line))
	}
	return manifest.Entry{
		Type: resourceType, URL: key, Count: count, FileSize: int64(len(stored)),
		Extension: manifest.Extension{SHA256: fmt.Sprintf("%x", sha256.Sum256(stored)), MaxLineBytes: int64(longest)},
	}
}

// requireFiles compares the objects of the export with their records, and the number of
// resources of each type with want.
func (f *fixture) requireFiles(t *testing.T, id uuid.UUID, want map[string]int64) {
	t.Helper()
	files, err := f.store.Files(t.Context(), id)
	require.NoError(t, err)

	counts := map[string]int64{}
	for _, file := range files.Output {
		content := f.object(t, file.ObjectKey)
		hash := sha256.Sum256(content)
		require.Equal(t, hash[:], file.SHA256, file.ObjectKey)
		require.EqualValues(t, len(content), file.Bytes, file.ObjectKey)
		lines := unzip(t, content)
		require.Len(t, lines, int(file.Resources), file.ObjectKey)
		require.EqualValues(t, len(strings.Join(lines, "\n"))+1, file.PlainBytes, file.ObjectKey)
		counts[file.ResourceType] += file.Resources

		name := filepath.Join(t.TempDir(), filepath.Base(file.ObjectKey))
		require.NoError(t, os.WriteFile(name, content, 0o600))
		out, err := exec.CommandContext(t.Context(), "gzip", "-t", name).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	require.Equal(t, want, counts)
	require.Len(t, f.keys(t, id), len(files.Output)+len(files.Outcomes)+1, "the files and the manifest, and no more")
}

func TestExportInManyParts(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	f.start(t, options{partBytes: 3 * 8192, slots: 3})
	id := f.accept(t, jobs.Request{})
	export := f.await(t, id, jobs.Completed)

	require.Greater(t, export.PartsTotal, 6)
	require.Zero(t, f.count(t, `SELECT count(*) FROM sluice.part a JOIN sluice.part b ON b.number = a.number + 1
		WHERE b.bytes_planned > a.bytes_planned`), "the longest first")
	require.EqualValues(t, export.BytesPlanned, f.count(t, `SELECT pg_relation_size('patient') + pg_relation_size('encounter')`))
	f.requireFiles(t, id, map[string]int64{"Encounter": 100, "Patient": 200})
	require.Equal(t, f.oracle(t, "Patient", "patient"), f.lines(t, id, "Patient"), "each resource once")
	require.Equal(t, f.oracle(t, "Encounter", "encounter"), f.lines(t, id, "Encounter"), "each resource once")
	require.Subset(t, f.keys(t, id), []string{"Patient.0001.ndjson.gz", "Patient.0002.ndjson.gz", "Patient.0003.ndjson.gz"})
}

// Parts without a matching row have no file and are not in the manifest.
func TestExportSince(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup()+`UPDATE encounter SET ts = '2020-01-01Z'`)
	f.start(t, options{partBytes: 3 * 8192})
	since := time.Date(2024, 5, 14, 0, 0, 0, 0, time.UTC) // patient 200 changed on the 14th at 15:08

	changed := f.accept(t, jobs.Request{ChangedAfter: since})
	created := f.accept(t, jobs.Request{CreatedAfter: since})

	f.await(t, changed, jobs.Completed)
	f.requireFiles(t, changed, map[string]int64{"Patient": 16})
	require.Equal(t, f.oracle(t, "Patient", "patient WHERE ts > '2024-05-14Z'"), f.lines(t, changed, "Patient"))
	for _, output := range f.manifest(t, changed).Output {
		require.Equal(t, "Patient", output.Type)
		require.Positive(t, output.Count)
	}

	f.await(t, created, jobs.Completed)
	f.requireFiles(t, created, map[string]int64{"Encounter": 100})
}

func TestExportOfNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, table("patient")+table("encounter"))
	f.start(t, options{})
	id := f.accept(t, jobs.Request{})
	f.await(t, id, jobs.Completed)

	require.Equal(t, []string{"manifest.json"}, f.keys(t, id))
	require.Contains(t, string(f.object(t, id.String()+"/manifest.json")), `"output": []`)
	require.Zero(t, f.uploads(t))
}
