package jobs_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// After the location has changed, a process of the previous one can neither begin nor
// renew nor complete an export, and its parts do not count.
func TestLocationMoves(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	waiting := f.accept(t)
	running := f.started(t, 1, 1)
	a := f.take(t)
	part := f.hold(t, a.job.Args)
	require.NoError(t, f.store.CompletePart(a.ctx, a.job, part, wrote(part, 7), nothing))
	a.end(nil)
	read := f.readAll(t, f.started(t, 1))

	_, err := f.db.Exec(t.Context(), `INSERT INTO sluice.location (version, database, schema, endpoint, bucket, prefix) VALUES (2, '', '', '', '', '')`)
	require.NoError(t, err)
	var events []jobs.Event
	moved, err := jobs.New(f.db, jobs.Config{Location: 2, Observe: func(_ context.Context, event jobs.Event) { events = append(events, event) }})
	require.NoError(t, err)

	_, err = f.store.Begin(t.Context(), waiting)
	require.ErrorIs(t, err, jobs.ErrLocationMoved)
	_, _, err = f.store.Resume(t.Context(), running.ID)
	require.ErrorIs(t, err, jobs.ErrLocationMoved)
	require.ErrorIs(t, f.store.Renew(t.Context(), running), jobs.ErrStale)
	require.ErrorIs(t, f.store.Complete(t.Context(), read, 0, nil, noManifest), jobs.ErrStale)

	_, err = moved.TakePart(t.Context(), jobs.PartArgs{ExportID: running.ID, Generation: 1, Number: 2})
	require.ErrorIs(t, err, jobs.ErrStale)
	for _, export := range []jobs.Export{running, read} {
		_, taken, err := moved.Resume(t.Context(), export.ID)
		require.NoError(t, err)
		require.False(t, taken)
		begun, err := moved.Begin(t.Context(), export.ID)
		require.NoError(t, err)
		require.Equal(t, 2, begun.Generation)
		require.Zero(t, begun.PartsDone)
		require.NoError(t, moved.Renew(t.Context(), begun))
	}
	require.Len(t, events, 2)
	for _, event := range events {
		require.Equal(t, jobs.EventRestarted, event.Kind)
		require.Equal(t, string(jobs.LocationChanged), event.Reason)
	}
}
