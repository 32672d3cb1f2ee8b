package worker_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// requireSmall fails if a file has more than limit bytes of ndjson.
func (f *fixture) requireSmall(t *testing.T, id uuid.UUID, limit int64) {
	t.Helper()
	files, err := f.store.Files(t.Context(), id)
	require.NoError(t, err)
	for _, file := range slices.Concat(files.Output, files.Deleted) {
		require.LessOrEqual(t, file.PlainBytes, limit, file.ObjectKey)
	}
}

// A part is written to several files if one would be too large. 200 patients are about
// 150 kB.
func TestSeveralFiles(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	f.start(t, options{maxFileBytes: 64 << 10})

	id := f.accept(t, jobs.Request{})
	f.requireWhole(t, f.await(t, id, jobs.Completed))
	f.requireSmall(t, id, 64<<10)
	var urls []string
	for _, output := range f.manifest(t, id).Output {
		urls = append(urls, output.URL)
	}
	require.Equal(t, []string{
		id.String() + "/Encounter.0001.ndjson.gz", id.String() + "/Encounter.0001-2.ndjson.gz",
		id.String() + "/Patient.0001.ndjson.gz", id.String() + "/Patient.0001-2.ndjson.gz", id.String() + "/Patient.0001-3.ndjson.gz",
	}, urls)

	// The limit is the smaller of the server's and the client's.
	for wanted, bound := range map[int64]int64{20 << 10: 20 << 10, 1 << 20: 64 << 10} {
		id := f.accept(t, jobs.Request{MaxFileBytes: wanted})
		f.requireWhole(t, f.await(t, id, jobs.Completed))
		f.requireSmall(t, id, bound)
	}
}

func TestSeveralFilesOfDeletions(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup()+fmt.Sprintf(deletePatients, 1, 200, "2024-05-15Z")+`TRUNCATE encounter`)
	f.start(t, options{maxFileBytes: 6 << 10}) // a Bundle of 100 has about 5 kB
	id := f.accept(t, jobs.Request{ChangedAfter: time.Date(2024, 5, 14, 0, 0, 0, 0, time.UTC)})
	f.await(t, id, jobs.Completed)

	require.Len(t, f.deleted(t, id), 200)
	f.requireSmall(t, id, 6<<10)
	require.Equal(t, []string{"deleted/Patient.deleted.0001-2.ndjson.gz", "deleted/Patient.deleted.0001.ndjson.gz", "manifest.json"}, f.keys(t, id))
}

// An attempt has published many files and could not mark its part done; the next one
// has fewer.
func TestFewerFilesThanBefore(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	f.exec(t, `
		CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not now''; END';
		CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON sluice.part DEFERRABLE INITIALLY DEFERRED
			FOR EACH ROW WHEN (new.state = 'done') EXECUTE FUNCTION refuse()`)
	f.start(t, options{})
	id := f.accept(t, jobs.Request{Types: []string{"Patient"}, MaxFileBytes: 20 << 10})
	f.eventually(t, "many files are there", func() bool { return len(f.keys(t, id)) > 6 })
	f.exec(t, `UPDATE sluice.export SET request = jsonb_set(request, '{max_file_bytes}', to_jsonb(80 << 10))`)
	// Attempts that began before that are still refused.
	f.exec(t, fmt.Sprintf(`CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN IF new.attempt <= %d THEN RAISE ''not now''; END IF; RETURN NULL; END'`, f.count(t, `SELECT attempt FROM sluice.part`)))

	export := f.await(t, id, jobs.Completed)
	require.Equal(t, 1, export.Generation)
	require.Equal(t, f.oracle(t, "Patient", "patient"), f.lines(t, id, "Patient"))
	f.requireFiles(t, id, map[string]int64{"Patient": 200})
	require.Equal(t, []string{"Patient.0001-2.ndjson.gz", "Patient.0001.ndjson.gz", "manifest.json"}, f.keys(t, id))
	require.Zero(t, f.uploads(t))
}

// A part that is cancelled after some of its files were staged leaves nothing behind.
func TestCancelBetweenFiles(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	f.gate(t, "patient")
	f.exec(t, `ALTER POLICY gate ON patient USING (id <> 'pt-190' OR gate())`)
	f.start(t, options{maxFileBytes: 20 << 10})
	id := f.accept(t, jobs.Request{Types: []string{"Patient"}})
	f.awaitReaders(t, 1)
	f.eventually(t, "some files have been sent", func() bool { return f.uploads(t) > 3 })
	require.Empty(t, f.keys(t, id), "none is visible before all are")

	require.NoError(t, f.store.Cancel(t.Context(), id, client))
	f.await(t, id, jobs.Cancelled)
	f.requireNothing(t, id)
}

// A file is not smaller than the client wants, except for a type that has no more data,
// and for the rest where a file must not be larger.
func TestMinimumFileSize(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	f.start(t, options{partBytes: 8192, slots: 2, maxFileBytes: 1 << 20})

	sizes := func(request jobs.Request) map[string][]int64 {
		id := f.accept(t, request)
		f.await(t, id, jobs.Completed)
		files, err := f.store.Files(t.Context(), id)
		require.NoError(t, err)
		sizes := map[string][]int64{}
		for _, file := range files.Output {
			sizes[file.ResourceType] = append(sizes[file.ResourceType], file.PlainBytes)
		}
		return sizes
	}
	require.Greater(t, len(sizes(jobs.Request{})["Patient"]), 10)
	several := 0
	for _, least := range []int64{10 << 10, 20 << 10, 60 << 10, 1 << 62} {
		for resourceType, got := range sizes(jobs.Request{MinFileBytes: least}) {
			several += len(got)
			require.True(t, len(got) == 1 || slices.Min(got) >= least, "%s %d: %d", resourceType, least, got)
		}
	}
	require.Greater(t, several, 10)
	got := sizes(jobs.Request{MinFileBytes: 30 << 10, MaxFileBytes: 60 << 10})["Patient"]
	small := slices.DeleteFunc(slices.Clone(got), func(size int64) bool { return size >= 30<<10 })
	require.LessOrEqual(t, 2*len(small), len(got), "the last of each part: %d", got)
	require.LessOrEqual(t, slices.Max(got), int64(60<<10))

	organized := jobs.Request{MinFileBytes: 40 << 10, OrganizeBy: "Patient", Types: []string{"Patient"}}
	got = sizes(organized)[""]
	require.Greater(t, len(got), 1)
	require.GreaterOrEqual(t, slices.Min(got[:len(got)-1]), int64(40<<10), "the last has what is left: %d", got)
	organized.MinFileBytes = 0
	require.Greater(t, len(sizes(organized)[""]), len(got))
}
