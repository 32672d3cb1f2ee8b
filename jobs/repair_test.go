package jobs_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// keyOf returns the object key of the export's n-th part.
func keyOf(export jobs.Export, n int) string {
	return plan(export.ID, make([]int64, n)...).Parts[n-1].ObjectKey
}

// Only parts with damaged files are read again, within the window.
func TestRepair(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	const parts = 2*jobs.DefaultWindow + 5
	sizes := same(parts)
	for i := range sizes {
		sizes[i] = 10
	}
	export := f.readAll(t, f.started(t, sizes...))
	former := f.count(t, `SELECT count(*) FROM sluice.river_job WHERE kind = 'sluice_part'`)
	var damaged []string
	for n := 3; n < parts; n++ {
		damaged = append(damaged, keyOf(export, n))
	}

	require.NoError(t, f.store.Repair(t.Context(), export, damaged))
	repairing := f.get(t, export.ID)
	require.False(t, repairing.AllPartsDone())
	require.Equal(t, parts-len(damaged), repairing.PartsDone)
	require.Equal(t, int64(10*repairing.PartsDone), repairing.BytesRead)
	require.Equal(t, jobs.DefaultWindow, f.queued(t, export.ID))
	files, err := f.store.Files(t.Context(), export.ID)
	require.NoError(t, err)
	require.Len(t, files.Output, repairing.PartsDone, "no file is listed that is not there")
	require.ErrorIs(t, f.store.Complete(t.Context(), export, 0, nil, noManifest), jobs.ErrStale)

	waiting := f.await(t, export)
	for range damaged {
		require.LessOrEqual(t, f.queued(t, export.ID), jobs.DefaultWindow)
		a := f.take(t)
		require.Contains(t, damaged, keyOf(export, a.job.Args.Number))
		f.workOff(t, a)
	}
	require.NoError(t, <-waiting)
	repaired := f.get(t, export.ID)
	require.True(t, repaired.AllPartsDone())
	require.Equal(t, export.BytesRead, repaired.BytesRead)
	require.Equal(t, export.Generation, repaired.Generation)
	require.Equal(t, former+len(damaged), f.count(t, `SELECT count(*) FROM sluice.river_job WHERE kind = 'sluice_part'`))
	require.Equal(t, parts, f.count(t, `SELECT parts_queued FROM sluice.export`))
	require.NoError(t, f.store.Complete(t.Context(), repaired, 0, nil, noManifest))
}

// An attempt from before the repair changes nothing.
func TestRepairFencesFormerAttempts(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	export := f.started(t, 10)
	a := f.take(t)
	former := f.hold(t, a.job.Args)
	holder := f.hold(t, a.job.Args)
	require.NoError(t, f.store.CompletePart(a.ctx, a.job, holder, wrote(holder, 1), nothing))
	a.end(nil)
	require.NoError(t, f.store.Repair(t.Context(), export, []string{keyOf(export, 1)}))

	again := f.take(t)
	for _, late := range []jobs.Part{former, holder} {
		require.ErrorIs(t, f.store.CompletePart(again.ctx, again.job, late, wrote(late, 2), mustNotPublish(t)), jobs.ErrStale)
	}
	f.workOff(t, again)
	require.True(t, f.get(t, export.ID).AllPartsDone())
}

// Only the process that holds the export can repair it, a limited number of times.
func TestRepairIsBounded(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	former := f.readAll(t, f.started(t, 10))
	export, _, err := f.store.Resume(t.Context(), former.ID)
	require.NoError(t, err)
	damaged := []string{keyOf(export, 1)}
	require.ErrorIs(t, f.store.Repair(t.Context(), former, damaged), jobs.ErrStale)

	repairs := 0
	for ; err == nil; repairs++ {
		require.Less(t, repairs, 10)
		if err = f.store.Repair(t.Context(), export, damaged); err == nil {
			f.workOff(t, f.take(t))
		}
	}
	require.ErrorIs(t, err, jobs.ErrDamaged)
	require.Greater(t, repairs, 1)
	require.True(t, f.get(t, export.ID).AllPartsDone(), "the last repair changed nothing")
}

// A file that the client has been shown stays on its page and must be written again
// with the same bytes.
func TestRepairOfShownFile(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	export := f.started(t, 10, 10)
	do := func(sum, etag string) error {
		a := f.take(t)
		part := f.hold(t, a.job.Args)
		files := wrote(part, 1)
		files[0].SHA256, files[0].ETag = []byte(sum), etag
		err := f.store.CompletePart(a.ctx, a.job, part, files, nothing)
		a.end(err)
		return err
	}
	require.NoError(t, do("same", "first"))
	first, _, err := f.store.Page(t.Context(), export, 1)
	require.NoError(t, err)
	require.NoError(t, do("another", "first"))

	require.NoError(t, f.store.Repair(t.Context(), export, []string{keyOf(export, 1)}))
	shown, more, err := f.store.Page(t.Context(), export, 1)
	require.NoError(t, err)
	require.Equal(t, first, shown)
	require.True(t, more)
	require.NoError(t, do("same", "second"))
	shown, _, err = f.store.Page(t.Context(), export, 1)
	require.NoError(t, err)
	require.Len(t, shown.Output, 1)
	require.Equal(t, "second", shown.Output[0].ETag)

	require.NoError(t, f.store.Repair(t.Context(), export, []string{keyOf(export, 1)}))
	require.ErrorIs(t, do("other", "third"), jobs.ErrFilesShown)
}

// The ETags that publish sets are recorded.
func TestETagsOfPublishing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	export := f.started(t, 10)
	a := f.take(t)
	part := f.hold(t, a.job.Args)
	files := wrote(part, 1)
	require.NoError(t, f.store.CompletePart(a.ctx, a.job, part, files, func(context.Context) error {
		files[0].ETag = "published"
		return nil
	}))
	a.end(nil)
	stored, err := f.store.Files(t.Context(), export.ID)
	require.NoError(t, err)
	require.Equal(t, "published", stored.Output[0].ETag)
	require.NoError(t, f.store.SetETag(t.Context(), export, stored.Output[0], "listed"))
	stored, err = f.store.Files(t.Context(), export.ID)
	require.NoError(t, err)
	require.Equal(t, "listed", stored.Output[0].ETag)
}
