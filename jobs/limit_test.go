package jobs_test

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/seed-90096f4d/sluice/jobs"
)

// Of any number of concurrent kick-offs in several processes, no more than the limits
// allow are accepted, and the others insert nothing.
func TestLimits(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 0)
	limited := func() *jobs.Store {
		store, err := jobs.New(f.db, jobs.Config{MaxExportsPerClient: 3, MaxExports: 5})
		require.NoError(t, err)
		return store
	}
	accept := func(clientID string) (accepted int, refused *jobs.LimitError) {
		var count atomic.Int64
		var group errgroup.Group
		var last atomic.Pointer[jobs.LimitError]
		for range 12 {
			group.Go(func() error {
				_, err := limited().Accept(t.Context(), clientID, jobs.Request{})
				var limit *jobs.LimitError
				if errors.As(err, &limit) {
					last.Store(limit)
					return nil
				}
				count.Add(1)
				return err
			})
		}
		require.NoError(t, group.Wait())
		return int(count.Load()), last.Load()
	}

	accepted, refused := accept("a")
	require.Equal(t, 3, accepted)
	require.Equal(t, &jobs.LimitError{Text: "running exports: at most 3 per client"}, refused)
	accepted, refused = accept("b")
	require.Equal(t, 2, accepted)
	require.Equal(t, &jobs.LimitError{Text: "running exports: at most 5 in total"}, refused)
	require.Equal(t, 5, f.count(t, `SELECT count(*) FROM sluice.export`))
	require.Equal(t, 5, f.count(t, `SELECT count(*) FROM sluice.river_job`))

	// Running exports count, ended ones do not.
	_, err := f.db.Exec(t.Context(), `UPDATE sluice.export SET state = 'running'`)
	require.NoError(t, err)
	accepted, _ = accept("a")
	require.Zero(t, accepted)
	for _, state := range []jobs.State{jobs.Completed, jobs.Failed, jobs.Cancelled, jobs.Expired} {
		_, err := f.db.Exec(t.Context(), `UPDATE sluice.export SET state = $1`, state)
		require.NoError(t, err)
		accepted, _ = accept("a")
		require.Equal(t, 3, accepted, state)
	}
}

// Without limits any number of exports is accepted.
func TestNoLimits(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 0)
	for range 30 {
		f.accept(t)
	}
	require.Equal(t, 30, f.count(t, `SELECT count(*) FROM sluice.export`))
}
