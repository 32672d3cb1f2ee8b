package worker_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// With allowPartialManifests, a client gets files early, on pages that do not change.
func TestPages(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	open := f.gate(t, "patient")
	f.start(t, options{slots: 2})
	id := f.accept(t, jobs.Request{
		Types: []string{"Encounter", "Patient"}, PartialManifests: true,
		Warnings: []jobs.Warning{{Code: "invalid", Parameter: "x", Text: "x"}},
	})
	page := func(number int) (keys []string, more bool) {
		export, err := f.store.Get(t.Context(), id)
		require.NoError(t, err)
		files, more, err := f.store.Page(t.Context(), export, number)
		if err != nil {
			require.ErrorIs(t, err, jobs.ErrNotFound)
			return nil, false
		}
		for _, file := range append(append(files.Output, files.Deleted...), files.Outcomes...) {
			keys = append(keys, file.ObjectKey[len(id.String())+1:])
		}
		return keys, more
	}

	f.eventually(t, "the other file is there", func() bool { return len(f.keys(t, id)) > 0 })
	f.eventually(t, "it is shown", func() bool { keys, _ := page(1); return len(keys) > 0 })
	first, more := page(1)
	require.Equal(t, []string{"Encounter.0001.ndjson.gz"}, first)
	require.False(t, more, "so far")
	keys, _ := page(2)
	require.Empty(t, keys)
	file, err := f.store.File(t.Context(), id, id.String()+"/Encounter.0001.ndjson.gz")
	require.NoError(t, err, "it can be had already")
	require.Equal(t, int64(100), file.Resources)

	open()
	f.await(t, id, jobs.Completed)
	keys, more = page(1)
	require.Equal(t, first, keys, "as it was")
	require.True(t, more)
	keys, more = page(2)
	require.Equal(t, []string{"Patient.0001.ndjson.gz", "error/request.errors.ndjson.gz"}, keys)
	require.False(t, more)
	keys, _ = page(3)
	require.Empty(t, keys)
}

// Files that a client has seen are not withdrawn: an export that would have to restart
// fails.
func TestShownFilesStay(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	f.gate(t, "patient")
	first := f.start(t, options{slots: 2})
	id := f.accept(t, jobs.Request{Types: []string{"Encounter", "Patient"}, PartialManifests: true})
	f.eventually(t, "a file is shown", func() bool {
		export, err := f.store.Get(t.Context(), id)
		require.NoError(t, err)
		files, _, err := f.store.Page(t.Context(), export, 1)
		return err == nil && len(files.Output) > 0
	})
	first.stop(t) // and with it the snapshot goes

	f.start(t, options{slots: 2})
	export := f.await(t, id, jobs.Failed)
	require.Contains(t, export.Failure, "the snapshot was lost after some files had been published")
}
