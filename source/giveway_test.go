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

	watch := func(t *testing.T, waiting string, timeout time.Duration) error {
		t.Helper()
		f := newFixture(t, aidbox("patient"))
		hurried := open(t, source.Config{URL: f.url, GiveWay: time.Millisecond})
		sn, err := hurried.OpenSnapshot(t.Context())
		require.NoError(t, err)
		defer func() { require.NoError(t, sn.Close(context.Background())) }()
		_, err = sn.Tables(t.Context(), []string{"Patient"})
		require.NoError(t, err)

		ctx, cancel := context.WithTimeout(t.Context(), timeout)
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
		err := watch(t, `TRUNCATE patient`, patience)
		require.ErrorIs(t, err, source.ErrSnapshotGone)
		require.ErrorIs(t, err, source.ErrInTheWay)
	})

	t.Run("IndexBuiltConcurrently", func(t *testing.T) {
		t.Parallel()
		require.ErrorIs(t, watch(t, `CREATE INDEX CONCURRENTLY ON patient (ts)`, 12*time.Second), context.DeadlineExceeded)
	})
}

// A scan, or a Reader between two scans, gives way too, even if the consumer of
// its rows does not return.
func TestScanGivesWay(t *testing.T) {
	t.Parallel()

	// requireWay checks that a statement that needs the table for itself succeeds.
	requireWay := func(t *testing.T, f fixture) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		_, err := f.db.Exec(ctx, `ALTER TABLE patient ADD COLUMN note text`)
		require.NoError(t, err)
	}
	// More than the sockets on the way can hold.
	setup := aidbox("patient") + `
		INSERT INTO patient (id, txid, resource)
		SELECT 'pt-' || n, n, jsonb_build_object('text', repeat(md5(n::text), 300)) FROM generate_series(1, 3000) AS n`

	t.Run("Scan", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, setup)
		hurried := open(t, source.Config{URL: f.url, GiveWay: time.Millisecond})
		scan := source.Scan{Table: f.table(t, "Patient")}
		reading, proceed := make(chan struct{}), make(chan struct{})
		ended := make(chan error, 1)
		go func() {
			first := true
			ended <- eachRow(hurried.Scan(t.Context(), scan))(func(*source.Row) error {
				if first {
					first = false
					close(reading)
					<-proceed
				}
				return nil
			})
		}()
		<-reading
		requireWay(t, f)
		close(proceed)
		require.ErrorIs(t, <-ended, source.ErrInTheWay)
		require.NoError(t, eachRow(hurried.Scan(t.Context(), scan))(func(*source.Row) error { return nil }))
	})

	t.Run("Reader", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, setup)
		hurried := open(t, source.Config{URL: f.url, GiveWay: time.Millisecond})
		sn := f.snapshot(t) // holds no table
		reader, err := hurried.OpenReader(t.Context(), sn.ID)
		require.NoError(t, err)
		defer reader.Close(t.Context())
		scan := source.Scan{Table: f.table(t, "Patient")}
		none := func(*source.Row) error { return nil }
		require.NoError(t, eachRow(reader.Scan(t.Context(), scan))(none))
		requireWay(t, f)
		err = eachRow(reader.Scan(t.Context(), scan))(none)
		require.ErrorIs(t, err, source.ErrSnapshotGone, "a part waits for what becomes of its export")
		require.ErrorIs(t, err, source.ErrInTheWay)
	})
}
