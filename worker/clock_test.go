package worker_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// An export takes no longer if the clocks of processes and database differ: its jobs,
// retries, timeouts and the expiry of its files use the database's clock.
func TestSkewedClock(t *testing.T) {
	t.Parallel()
	for name, ahead := range map[string]time.Duration{
		"Behind30s": -30 * time.Second, // the processes are ahead of it
		"Behind1h":  -time.Hour,
		"Ahead1h":   time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixtureOn(t, sourcetest.SkewedDatabase(t, ahead), setup())
			open := f.gate(t, "patient")
			opts := options{partBytes: 8 * 8192, slots: 2, maxAge: 30 * time.Minute, retention: time.Hour}
			running := f.start(t, opts)
			id := f.accept(t, jobs.Request{})
			f.awaitReaders(t, 2)
			require.Equal(t, 2, f.count(t, terminateReadersSQL))
			f.awaitReaders(t, 2)
			open()
			f.requireWhole(t, f.await(t, id, jobs.Completed))
			require.Equal(t, 2, f.count(t, `SELECT count(*) FROM sluice.river_job WHERE kind = 'sluice_part' AND attempt = 2`))
			running.stop(t)

			f.exec(t, `UPDATE sluice.export SET expires_at = expires_at - interval '1 hour'`)
			f.exec(t, `DELETE FROM sluice.river_job WHERE kind IN ('sluice_expire', 'sluice_sweep')`) // they were due a while ago
			f.start(t, opts)
			f.eventually(t, "it has expired", func() bool {
				export, err := f.store.Get(t.Context(), id)
				require.NoError(t, err)
				return export.State == jobs.Expired
			})
			f.requireNothing(t, id)
		})
	}
}
