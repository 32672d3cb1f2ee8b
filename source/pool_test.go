package source_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source"
)

// The statistics of the pool count a scan that waits for another one.
func TestPoolStats(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient")+`INSERT INTO patient (id, txid, ts, cts, resource) VALUES ('a', 1, now(), now(), '{}')`)
	one := open(t, source.Config{URL: f.url, MaxConns: 1})
	table, err := one.Table(t.Context(), "Patient")
	require.NoError(t, err)
	first, err := one.Scan(t.Context(), source.Scan{Table: table})
	require.NoError(t, err)
	before := one.PoolStats()
	require.Equal(t, 1, before.Acquired)
	require.Equal(t, 1, before.Limit)

	scanned := make(chan error, 1)
	go func() {
		second, err := one.Scan(t.Context(), source.Scan{Table: table})
		if err == nil {
			second.Close()
		}
		scanned <- err
	}()
	select {
	case err := <-scanned:
		require.Fail(t, "two scans have one connection", "%v", err)
	case <-time.After(100 * time.Millisecond): // it waits
	}
	first.Close()
	require.NoError(t, <-scanned)
	after := one.PoolStats()
	require.Positive(t, after.Waits-before.Waits)
	require.Greater(t, after.Waited-before.Waited, 50*time.Millisecond)
	require.Greater(t, after.Acquires, before.Acquires)
	require.Zero(t, after.Acquired)
	require.Equal(t, 1, after.Idle)
}
