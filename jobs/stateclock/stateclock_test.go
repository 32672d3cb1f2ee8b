package stateclock_test

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs/stateclock"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

func skewedClock(t *testing.T, ahead time.Duration) *stateclock.Clock {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), sourcetest.SkewedDatabase(t, ahead))
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return stateclock.New(pool)
}

func TestClock(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{0, -30 * time.Second, time.Hour} {
		t.Run(ahead.String(), func(t *testing.T) {
			t.Parallel()
			clock := skewedClock(t, ahead)
			require.InDelta(t, 0, clock.Offset().Seconds(), 0.1, "not measured yet")
			require.NoError(t, clock.Measure(t.Context()))
			// A busy machine measures less precisely.
			require.InDelta(t, ahead.Seconds(), clock.Offset().Seconds(), 10)
			require.WithinDuration(t, time.Now().Add(ahead), clock.Now(), 10*time.Second)
		})
	}
}

// A difference is logged.
func TestClockWarns(t *testing.T) {
	t.Parallel()
	clock := skewedClock(t, -time.Hour)
	logged, log := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		clock.Watch(ctx, slog.New(slog.NewTextHandler(log, nil)))
	}()
	line := make([]byte, 1000)
	n, err := logged.Read(line)
	require.NoError(t, err)
	require.Contains(t, string(line[:n]), "clock differs from that of the state database")
	require.Regexp(t, `database_ahead=-(1h0m|59m5)\d`, string(line[:n]))
	cancel()
	<-watching
}
