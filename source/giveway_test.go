package source_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source"
)

// Who wants a table for himself stops all others, and must not wait until an
// export has ended. Who waits for old snapshots to go stops nobody.
func TestGiveWay(t *testing.T) {
	t.Parallel()

	watch := func(t *testing.T, waiting string) error {
		t.Helper()
		f := newFixture(t, aidbox("patient"))
		hurried := open(t, source.Config{URL: f.url, GiveWay: time.Millisecond})
		sn, err := hurried.OpenSnapshot(t.Context())
		require.NoError(t, err)
		defer func() { require.NoError(t, sn.Close(context.Background())) }()
		_, err = sn.Tables(t.Context(), []string{"Patient"})
		require.NoError(t, err)

		ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
		defer cancel()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _ = f.db.Exec(ctx, waiting)
		}()
		err = sn.Watch(ctx)
		cancel()
		<-ended
		return err
	}

	t.Run("Truncate", func(t *testing.T) {
		t.Parallel()
		err := watch(t, `TRUNCATE patient`)
		require.ErrorIs(t, err, source.ErrSnapshotGone)
		require.ErrorIs(t, err, source.ErrInTheWay)
	})

	t.Run("IndexBuiltConcurrently", func(t *testing.T) {
		t.Parallel()
		require.ErrorIs(t, watch(t, `CREATE INDEX CONCURRENTLY ON patient (ts)`), context.DeadlineExceeded)
	})
}
