package jobs_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/seed-90096f4d/sluice/jobs"
)

func TestCancel(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	export := f.started(t, 1, 1, 1)
	running := f.take(t)

	require.ErrorIs(t, f.store.Cancel(t.Context(), export.ID, "another"), jobs.ErrNotFound)
	_, err := f.store.GetForClient(t.Context(), export.ID, "another")
	require.ErrorIs(t, err, jobs.ErrNotFound)
	require.NoError(t, running.ctx.Err())
	require.Equal(t, jobs.Running, f.get(t, export.ID).State)
	require.Equal(t, 3, f.count(t, `SELECT count(*) FROM sluice.part`))

	require.NoError(t, f.store.Cancel(t.Context(), export.ID, client))
	running.awaitCancel(t)
	_, err = f.store.GetForClient(t.Context(), export.ID, client)
	require.ErrorIs(t, err, jobs.ErrNotFound)
	require.Equal(t, jobs.Cancelled, f.get(t, export.ID).State)
	require.Equal(t, 1, f.cleanups(t, export.ID))
	require.Equal(t, 3, f.count(t, `SELECT count(*) FROM sluice.river_job WHERE kind IN ('sluice_export', 'sluice_part') AND state = 'cancelled' AND attempt = 0`))

	require.ErrorIs(t, f.store.Cancel(t.Context(), export.ID, client), jobs.ErrNotFound)
	require.Equal(t, 1, f.cleanups(t, export.ID))
}

// AwaitParts returns at once when the export is cancelled.
func TestCancelEndsWait(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 0)
	export := f.started(t, 1)
	notified := f.listen(t)
	ended := f.await(t, export)
	require.NoError(t, f.store.Cancel(t.Context(), export.ID, client))
	require.ErrorIs(t, <-ended, jobs.ErrStale)
	require.Equal(t, export.ID.String(), notified())
}

// A cancellation whose transaction fails changes nothing.
func TestCancelRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 0)
	export := f.started(t, 1)
	f.refuseCommits(t, "sluice.export")
	require.ErrorContains(t, f.store.Cancel(t.Context(), export.ID, client), "refused")
	require.Equal(t, export, f.get(t, export.ID))
	require.Zero(t, f.cleanups(t, export.ID))
	require.Equal(t, 2, f.count(t, `SELECT count(*) FROM sluice.river_job WHERE state = 'available'`))
}

// A part publishes its objects before the cleanup job can run, or not at all.
func TestCancelWaitsForPublishing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	export := f.started(t, 1)
	a := f.take(t)
	part := f.hold(t, a.job.Args)

	cancelled := make(chan error)
	err := f.store.CompletePart(a.ctx, a.job, part, wrote(part, 1), func(ctx context.Context) error {
		go func() { cancelled <- f.store.Cancel(context.WithoutCancel(ctx), export.ID, client) }()
		f.awaitLock(t)
		require.Zero(t, f.cleanups(t, export.ID))
		return nil
	})
	require.NoError(t, err)
	require.NoError(t, <-cancelled)
	a.end(nil)
	require.Equal(t, 1, f.cleanups(t, export.ID))
	require.Equal(t, jobs.Cancelled, f.get(t, export.ID).State)
}

// awaitLock returns when a session waits for a lock in the database.
func (f *fixture) awaitLock(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		return f.count(t, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) > 0
	}, patience, 5*time.Millisecond)
}

// The same with many exports: none is cancelled with an object that is never deleted.
func TestCompletePartDuringCancel(t *testing.T) {
	t.Parallel()
	const exports = 12
	f := newFixture(t, exports)
	var group errgroup.Group
	for range exports {
		export := f.started(t, 1)
		a := f.take(t)
		part := f.hold(t, a.job.Args)
		group.Go(func() error { return f.store.Cancel(t.Context(), export.ID, client) })
		group.Go(func() error {
			err := f.store.CompletePart(a.ctx, a.job, part, wrote(part, 1), func(ctx context.Context) error {
				return f.requireNoCleanup(ctx, export.ID)
			})
			if errors.Is(err, jobs.ErrStale) || a.ctx.Err() != nil {
				return nil
			}
			a.end(nil)
			return err
		})
	}
	require.NoError(t, group.Wait())
	require.Equal(t, exports, f.count(t, `SELECT count(*) FROM sluice.export WHERE state = 'cancelled'`))
	require.Equal(t, exports, f.count(t, `SELECT count(*) FROM sluice.river_job WHERE kind = 'sluice_cleanup'`))
	require.Zero(t, f.count(t, `SELECT count(*) FROM sluice.part`))
}

// requireNoCleanup fails if the cleanup job could already have run.
func (f *fixture) requireNoCleanup(ctx context.Context, id uuid.UUID) error {
	var early bool
	err := f.db.QueryRow(ctx, `SELECT EXISTS (SELECT FROM sluice.river_job WHERE kind = 'sluice_cleanup' AND args->>'export_id' = $1)`, id.String()).Scan(&early)
	if err == nil && early {
		err = errors.New("published after the cleanup")
	}
	return err
}
