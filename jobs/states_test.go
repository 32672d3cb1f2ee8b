package jobs_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

func TestAccept(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 0)
	since := time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
	request := jobs.Request{URL: "https://x/fhir/$export", Types: []string{"Patient"}, ChangedAfter: since, FHIR: true, RawGzip: true}
	id, err := f.store.Accept(t.Context(), client, request)
	require.NoError(t, err)

	export, err := f.store.GetForClient(t.Context(), id, client)
	require.NoError(t, err)
	require.Equal(t, request, export.Request)
	require.Equal(t, jobs.Accepted, export.State)
	require.Equal(t, 1, f.count(t, `SELECT count(*) FROM sluice.export`))
	require.Equal(t, 1, f.count(t, `SELECT count(*) FROM sluice.river_job j JOIN sluice.export e ON e.job_id = j.id
		WHERE j.kind = 'sluice_export' AND j.queue = 'sluice_export' AND j.state = 'available' AND j.args->>'export_id' = e.id::text`))
}

func TestAcceptLeavesNothingOnError(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 0)
	f.refuseCommits(t, "sluice.river_job")
	_, err := f.store.Accept(t.Context(), client, jobs.Request{})
	require.ErrorContains(t, err, "jobs: accept export")
	require.Zero(t, f.count(t, `SELECT count(*) FROM sluice.river_job`))
	require.Zero(t, f.count(t, `SELECT count(*) FROM sluice.export`))
}

// moves are all changes of an export from outside of its parts.
func moves(f *fixture, export jobs.Export) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"Begin": func(ctx context.Context) error { _, err := f.store.Begin(ctx, export.ID); return err },
		"Start": func(ctx context.Context) error {
			return f.store.Start(ctx, export, plan(export.ID, 1))
		},
		"Complete": func(ctx context.Context) error { return f.store.Complete(ctx, export, time.Hour, nil, noManifest) },
		"Fail":     func(ctx context.Context) error { return f.store.Fail(ctx, export.ID, "late") },
		"Hold": func(ctx context.Context) error {
			_, err := f.store.TakePart(ctx, jobs.PartArgs{ExportID: export.ID, Generation: export.Generation, Number: 1})
			return err
		},
		"Await": func(ctx context.Context) error {
			_, err := f.store.AwaitParts(ctx, export)
			return err
		},
	}
}

// No late call changes an export that has ended.
func TestEndedIsOver(t *testing.T) {
	t.Parallel()
	ends := map[jobs.State]func(t *testing.T, f *fixture) uuid.UUID{
		jobs.Completed: func(t *testing.T, f *fixture) uuid.UUID { return f.completed(t, time.Hour).ID },
		jobs.Failed: func(t *testing.T, f *fixture) uuid.UUID {
			id := f.started(t, 1).ID
			require.NoError(t, f.store.Fail(t.Context(), id, "why"))
			return id
		},
		jobs.Cancelled: func(t *testing.T, f *fixture) uuid.UUID {
			id := f.started(t, 1).ID
			require.NoError(t, f.store.Cancel(t.Context(), id, client))
			return id
		},
		jobs.Expired: func(t *testing.T, f *fixture) uuid.UUID {
			id := f.completed(t, 0).ID
			require.NoError(t, f.store.Expire(t.Context()))
			return id
		},
	}
	for state, end := range ends {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, 1)
			before := f.get(t, end(t, f))
			require.Equal(t, state, before.State)
			cleanups := f.cleanups(t, before.ID)
			for name, move := range moves(f, before) {
				require.ErrorIs(t, move(t.Context()), jobs.ErrStale, name)
			}
			require.Equal(t, before, f.get(t, before.ID))
			require.Equal(t, cleanups, f.cleanups(t, before.ID))
		})
	}
}

func TestUnknownExport(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 0)
	id := uuid.New()
	_, err := f.store.Get(t.Context(), id)
	require.ErrorIs(t, err, jobs.ErrNotFound)
	_, err = f.store.GetForClient(t.Context(), id, client)
	require.ErrorIs(t, err, jobs.ErrNotFound)
	_, err = f.store.Begin(t.Context(), id)
	require.ErrorIs(t, err, jobs.ErrNotFound)
	require.ErrorIs(t, f.store.Cancel(t.Context(), id, client), jobs.ErrNotFound)
	require.ErrorIs(t, f.store.Fail(t.Context(), id, "why"), jobs.ErrStale)
}

func TestFail(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	export := f.started(t, 1, 1)
	running := f.take(t)
	require.NoError(t, f.store.Fail(t.Context(), export.ID, "the reason"))
	running.awaitCancel(t)

	failed := f.get(t, export.ID)
	require.Equal(t, jobs.Failed, failed.State)
	require.Equal(t, "the reason", failed.Failure)
	require.Equal(t, 1, f.cleanups(t, export.ID))
	require.Zero(t, f.count(t, `SELECT count(*) FROM sluice.river_job WHERE kind <> 'sluice_cleanup' AND state NOT IN ('cancelled', 'running')`))
}

func TestCompleteTooEarly(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 0)
	export := f.started(t, 100)
	require.ErrorIs(t, f.store.Complete(t.Context(), export, time.Hour, nil, mustNotComplete(t)), jobs.ErrStale)
	require.Equal(t, jobs.Running, f.get(t, export.ID).State)
}

// An export whose manifest cannot be written is not completed.
func TestCompleteNotPublished(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	export := f.readAll(t, f.started(t, 100))
	down := errors.New("the store is down")
	require.ErrorIs(t, f.store.Complete(t.Context(), export, time.Hour, nil, func(context.Context, jobs.Export) error { return down }), down)
	require.Equal(t, jobs.Running, f.get(t, export.ID).State)

	require.NoError(t, f.store.Complete(t.Context(), export, time.Hour, nil, noManifest))
	completed := f.get(t, export.ID)
	require.Equal(t, jobs.Completed, completed.State)
	require.WithinDuration(t, time.Now().Add(time.Hour), *completed.ExpiresAt, time.Minute)
}

func TestExpire(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	old, young := f.completed(t, 0), f.completed(t, time.Hour)
	require.NoError(t, f.store.Expire(t.Context()))
	require.NoError(t, f.store.Expire(t.Context()))

	require.Equal(t, jobs.Expired, f.get(t, old.ID).State)
	require.Equal(t, 1, f.cleanups(t, old.ID))
	require.Equal(t, jobs.Completed, f.get(t, young.ID).State)
	require.Zero(t, f.cleanups(t, young.ID))
}
