package jobs_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// The context of publish ends when the transaction is lost, since another attempt may
// take the part then.
func TestPublishWithoutTransaction(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	export := f.started(t, 100)
	a := f.take(t)
	part := f.hold(t, a.job.Args)

	stopped := errors.New("stopped in the middle")
	err := f.store.CompletePart(a.ctx, a.job, part, wrote(part, 7), func(ctx context.Context) error {
		require.Equal(t, 1, f.count(t, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE datname = current_database() AND state = 'idle in transaction'`))
		<-ctx.Done()
		return stopped
	})
	require.ErrorIs(t, err, stopped)
	require.Zero(t, f.get(t, export.ID).PartsDone)
	require.Zero(t, f.count(t, `SELECT count(*) FROM sluice.file`))

	require.NoError(t, f.store.CompletePart(a.ctx, a.job, part, wrote(part, 7), nothing))
	a.end(nil)
	require.True(t, f.get(t, export.ID).AllPartsDone())
}
