package jobs_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// mustNotPublish is the publish function of attempts that no longer hold their part.
func mustNotPublish(t *testing.T) func(context.Context) error {
	t.Helper()
	return func(context.Context) error {
		t.Error("published")
		return nil
	}
}

func mustNotComplete(t *testing.T) func(context.Context, jobs.Export) error {
	t.Helper()
	publish := mustNotPublish(t)
	return func(ctx context.Context, _ jobs.Export) error { return publish(ctx) }
}

// All parts of a plan that needs several INSERTs are stored in its order.
func TestManyParts(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 0)
	sizes := make([]int64, 2500)
	for i := range sizes {
		sizes[i] = int64(i + 1)
	}
	export := f.started(t, sizes...)
	require.Equal(t, len(sizes), export.PartsTotal)
	require.Equal(t, len(sizes), f.count(t, `SELECT count(*) FROM sluice.part
		WHERE bytes_planned = number AND object_key = format('%s/Patient.%s.ndjson.gz', export_id, lpad(number::text, 4, '0'))`))
}

func TestParts(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	export := f.started(t, 100, 200)
	require.Equal(t, 1, export.Generation)
	require.Equal(t, 2, export.PartsTotal)
	require.EqualValues(t, 300, export.BytesPlanned)

	published := 0
	for n := range 2 {
		a := f.take(t)
		require.Equal(t, jobs.PartArgs{ExportID: export.ID, Generation: 1, Number: n + 1, Requires: jobs.Format}, a.job.Args)
		part := f.hold(t, a.job.Args)
		require.Equal(t, []string{"00000003-0000001B-1"}, part.Snapshots)
		require.Equal(t, []string{"Patient"}, part.Request.Types)
		require.JSONEq(t, `{"from": 1}`, string(part.Scan))

		// The first part has two files, the second none.
		files := []jobs.File{wrote(part, 7)[0], {
			Kind: jobs.Output, ResourceType: "Patient", ObjectKey: "more",
			Resources: 1, PlainBytes: 100, MaxLineBytes: 60, Bytes: 42, SHA256: []byte("hash"),
		}}[:2*(1-n)]
		require.NoError(t, f.store.CompletePart(a.ctx, a.job, part, files, func(context.Context) error { published++; return nil }))
		a.end(errors.New("too late to matter"))
	}
	require.Equal(t, 2, published)

	export = f.get(t, export.ID)
	require.True(t, export.AllPartsDone())
	require.EqualValues(t, 300, export.BytesRead)
	files, err := f.store.Files(t.Context(), export.ID)
	require.NoError(t, err)
	require.Equal(t, []jobs.File{
		{Kind: jobs.Output, ResourceType: "Patient", ObjectKey: export.ID.String() + "/Patient.0001.ndjson.gz", Resources: 7, SHA256: []byte("hash")},
		{
			Kind: jobs.Output, ResourceType: "Patient", ObjectKey: "more",
			Resources: 1, PlainBytes: 100, MaxLineBytes: 60, Bytes: 42, SHA256: []byte("hash"),
		},
	}, files.Output)
	require.Nil(t, files.Deleted, "deletions are not listed")
	require.Equal(t, 2, f.count(t, `SELECT count(*) FROM sluice.river_job WHERE kind = 'sluice_part' AND state = 'completed'`))

	_, err = f.store.TakePart(t.Context(), jobs.PartArgs{ExportID: export.ID, Generation: 1, Number: 1})
	require.ErrorIs(t, err, jobs.ErrStale, "it is done")
	again, err := f.store.Begin(t.Context(), export.ID)
	require.NoError(t, err)
	require.True(t, again.AllPartsDone(), "it only has to be completed")
	require.Equal(t, export.Generation, again.Generation)
}

// An attempt that was presumed dead and returns changes nothing.
func TestStaleAttempt(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	export := f.started(t, 100)
	a := f.take(t)
	former := f.hold(t, a.job.Args)
	holder := f.hold(t, a.job.Args)

	require.ErrorIs(t, f.store.RenewPart(t.Context(), former, 99, true), jobs.ErrStale)
	require.ErrorIs(t, f.store.CompletePart(a.ctx, a.job, former, wrote(former, 1), mustNotPublish(t)), jobs.ErrStale)
	require.Zero(t, f.get(t, export.ID).BytesRead)
	require.Zero(t, f.get(t, export.ID).PartsDone)

	require.NoError(t, f.store.CompletePart(a.ctx, a.job, holder, wrote(holder, 2), nothing))
	require.ErrorIs(t, f.store.CompletePart(a.ctx, a.job, holder, wrote(holder, 3), mustNotPublish(t)), jobs.ErrStale, "once")
	a.end(nil)
	require.Equal(t, 1, f.get(t, export.ID).PartsDone)
	files, err := f.store.Files(t.Context(), export.ID)
	require.NoError(t, err)
	require.EqualValues(t, 2, files.Output[0].Resources)
}

// River has rescued the job meanwhile, but no other attempt has taken the part.
func TestRescuedJob(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	export := f.started(t, 100)
	a := f.take(t)
	part := f.hold(t, a.job.Args)
	_, err := f.db.Exec(t.Context(), `UPDATE sluice.river_job SET state = 'retryable', scheduled_at = now() + interval '1 hour' WHERE id = $1`, a.job.ID)
	require.NoError(t, err)

	require.ErrorIs(t, f.store.CompletePart(a.ctx, a.job, part, nil, mustNotPublish(t)), jobs.ErrStale)
	require.Zero(t, f.get(t, export.ID).PartsDone)
	a.end(nil)
}

// A part whose object could not be published is not done.
func TestPartNotPublished(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	export := f.started(t, 100)
	a := f.take(t)
	part := f.hold(t, a.job.Args)
	down := errors.New("the store is down")
	require.ErrorIs(t, f.store.CompletePart(a.ctx, a.job, part, nil, func(context.Context) error { return down }), down)
	require.Zero(t, f.get(t, export.ID).PartsDone)
	require.Equal(t, 1, f.count(t, `SELECT count(*) FROM sluice.river_job WHERE kind = 'sluice_part' AND state = 'running'`))

	require.NoError(t, f.store.CompletePart(a.ctx, a.job, part, nil, nothing))
	a.end(nil)
	require.True(t, f.get(t, export.ID).AllPartsDone())
}

// A new generation has none of the parts of the previous one, done or not.
func TestGenerations(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 2)
	export := f.started(t, 100, 200)
	done, late := f.take(t), f.take(t)
	donePart := f.hold(t, done.job.Args)
	require.NoError(t, f.store.CompletePart(done.ctx, done.job, donePart, wrote(donePart, 1), nothing))
	done.end(nil)
	latePart := f.hold(t, late.job.Args)

	second, err := f.store.Begin(t.Context(), export.ID)
	require.NoError(t, err)
	require.Equal(t, 2, second.Generation)
	require.Zero(t, second.PartsDone)
	require.Zero(t, second.BytesRead)
	require.Nil(t, second.TransactionTime)
	require.False(t, second.AllPartsDone())
	require.Zero(t, f.count(t, `SELECT count(*) FROM sluice.file`))
	late.awaitCancel(t) // River cancels attempts that read the previous snapshot

	require.ErrorIs(t, f.store.Start(t.Context(), export, plan(export.ID, 1)), jobs.ErrStale)
	require.NoError(t, f.store.Start(t.Context(), second, plan(export.ID, 1, 1)))
	require.ErrorIs(t, f.store.CompletePart(context.WithoutCancel(late.ctx), late.job, latePart, nil, mustNotPublish(t)), jobs.ErrStale)
	_, err = f.store.TakePart(t.Context(), late.job.Args)
	require.ErrorIs(t, err, jobs.ErrStale)
	_, err = f.store.AwaitParts(t.Context(), export)
	require.ErrorIs(t, err, jobs.ErrStale)
	require.ErrorIs(t, f.store.Complete(t.Context(), export, time.Hour, nil, mustNotComplete(t)), jobs.ErrStale)

	read := f.readAll(t, f.get(t, export.ID))
	require.True(t, read.AllPartsDone())
	require.ErrorIs(t, f.store.Complete(t.Context(), export, time.Hour, nil, mustNotComplete(t)), jobs.ErrStale, "of the previous generation")
}

// Progress never decreases, also when a part is read again.
func TestProgress(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	export := f.started(t, 100, 200)
	a := f.take(t)
	part := f.hold(t, a.job.Args)
	read := func() int64 { return f.get(t, export.ID).BytesRead }

	require.NoError(t, f.store.RenewPart(t.Context(), part, 40, true))
	require.EqualValues(t, 40, read())
	part = f.hold(t, a.job.Args)
	require.EqualValues(t, 40, read(), "read again")
	require.NoError(t, f.store.RenewPart(t.Context(), part, 10, true))
	require.EqualValues(t, 40, read())
	require.NoError(t, f.store.RenewPart(t.Context(), part, 60, true))
	require.EqualValues(t, 60, read())
	require.NoError(t, f.store.RenewPart(t.Context(), part, 1000, true))
	require.EqualValues(t, 100, read(), "no more than was planned")
	require.NoError(t, f.store.CompletePart(a.ctx, a.job, part, nil, nothing))
	a.end(nil)
	require.EqualValues(t, 100, read())
}

func TestAwait(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	export := f.started(t, 100)
	notified := f.listen(t)
	ended := f.await(t, export)
	f.readAll(t, export)
	require.NoError(t, <-ended)
	require.Equal(t, export.ID.String(), notified(), "after the last part")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := f.store.AwaitParts(ctx, f.started(t, 100))
	require.ErrorIs(t, err, context.Canceled)
}

// The parts get the members of the plan, even if there are none, and a restart resets
// them.
func TestMembers(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 0)
	for _, members := range [][]string{{"pt-1", `odd "},{\`}, {}, nil} {
		export, err := f.store.Begin(t.Context(), f.accept(t))
		require.NoError(t, err)
		planned := plan(export.ID, 1)
		planned.Members = members
		require.NoError(t, f.store.Start(t.Context(), export, planned))
		part, err := f.store.TakePart(t.Context(), jobs.PartArgs{ExportID: export.ID, Generation: export.Generation, Number: 1})
		require.NoError(t, err)
		require.Equal(t, members, part.Members)

		_, err = f.store.Begin(t.Context(), export.ID)
		require.NoError(t, err)
		var kept []string
		require.NoError(t, f.db.QueryRow(t.Context(), `SELECT members FROM sluice.export WHERE id = $1`, export.ID).Scan(&kept))
		require.Nil(t, kept)
	}
}
