package source_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/seed-90096f4d/sluice/source"
)

// slack is how far a reader may exceed its rate for a moment.
const slack = 100 * time.Millisecond

// All scans together stay below the rate, from beginning to end.
func TestReadRate(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient")+manyRows+`; `+aidbox("encounter")+`INSERT INTO encounter SELECT * FROM patient`)
	const rate = 8 << 20
	paced := open(t, source.Config{URL: f.url, ReadRate: rate})
	snapshot := f.snapshot(t)

	began := time.Now()
	atLeast := func(bytes int) time.Duration {
		return time.Duration(float64(bytes)/rate*float64(time.Second)) - slack
	}
	read := make(chan int)
	count := func(row *source.Row) error {
		select {
		case read <- len(row.Resource):
			return nil
		case <-t.Context().Done():
			return t.Context().Err()
		}
	}
	var group errgroup.Group
	group.Go(func() error {
		return eachRow(paced.Scan(t.Context(), source.Scan{Table: f.table(t, "Patient")}))(count)
	})
	encounters := source.Scan{Table: f.table(t, "Encounter")}
	group.Go(func() error { return scanAt(t.Context(), paced, snapshot.ID, encounters, count) })

	total := 0
	for rows := range 10_000 {
		total += <-read
		// A scan takes the bytes of some time from the limiter at once.
		if rows%1000 == 999 {
			require.GreaterOrEqual(t, time.Since(began), atLeast(total)-2*slack)
		}
	}
	require.NoError(t, group.Wait())
	require.GreaterOrEqual(t, time.Since(began), atLeast(total))
	require.Greater(t, paced.Throttled(), atLeast(total)/2, "most of the time was spent waiting")
	require.LessOrEqual(t, paced.Throttled(), 2*time.Since(began), "by two scans")
	require.Zero(t, f.source.Throttled())
	t.Logf("%d bytes in %v, at the rate %v", total, time.Since(began), atLeast(total)+slack)
}

// A scan that waits for the rate can be cancelled.
func TestReadRateCancelled(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient")+manyRows)
	paced := open(t, source.Config{URL: f.url, ReadRate: 1})
	scan := source.Scan{Table: f.table(t, "Patient")}

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended, first := make(chan error, 1), make(chan struct{})
	go func() {
		ended <- eachRow(paced.Scan(ctx, scan))(func(*source.Row) error {
			close(first) // a second row would panic: it is an hour away
			return nil
		})
	}()
	<-first
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
}
