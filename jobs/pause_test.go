package jobs_test

import (
	"bytes"
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// pausedConn sends nothing while its process is paused, as by SIGSTOP. The server executes
// what was sent before.
type pausedConn struct {
	net.Conn

	pause *sync.RWMutex
}

func (c pausedConn) Write(b []byte) (int, error) {
	c.pause.RLock()
	defer c.pause.RUnlock()
	return c.Conn.Write(b)
}

// pausable returns a Store with the settings of a process on connections made by wrap,
// with the application name paused.
func (f *fixture) pausable(t *testing.T, wrap func(net.Conn) net.Conn) *jobs.Store {
	t.Helper()
	config := f.db.Config()
	config.ConnConfig.RuntimeParams["application_name"] = "paused"
	config.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = "20s" // the setting of the program
	config.ConnConfig.RuntimeParams["statement_timeout"] = "1min"
	dial := config.ConnConfig.DialFunc
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return wrap(conn), nil
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	store, err := jobs.New(pool, jobs.Config{})
	require.NoError(t, err)
	return store
}

// A process is paused while several of its parts wait for the row of their export. Each
// of them gets the row in turn and holds it until the server ends the session, while
// another process wants to take over the export.
func TestPausedInQueue(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 2)
	export := f.started(t, 100, 200, 300)

	var pause sync.RWMutex
	store := f.pausable(t, func(conn net.Conn) net.Conn { return pausedConn{conn, &pause} })

	tx, err := f.db.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `SELECT FROM sluice.export WHERE id = $1 FOR NO KEY UPDATE`, export.ID)
	require.NoError(t, err)
	ended := make(chan error, 2)
	for range cap(ended) {
		a := f.take(t)
		part := f.hold(t, a.job.Args)
		go func() {
			err := store.CompletePart(a.ctx, a.job, part, wrote(part, 7), nothing)
			a.end(err)
			ended <- err
		}()
	}
	waiting := func() int {
		return f.count(t, `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = 'paused' AND wait_event_type = 'Lock'`)
	}
	require.Eventually(t, func() bool { return waiting() == cap(ended) }, patience, 5*time.Millisecond)
	pause.Lock()
	began := time.Now()
	require.NoError(t, tx.Rollback(t.Context()))
	require.Eventually(t, func() bool { return waiting() == cap(ended)-1 }, patience, time.Millisecond, "one has got the row")

	_, taken, err := f.store.Resume(t.Context(), export.ID)
	took := time.Since(began)
	pause.Unlock()
	require.NoError(t, err)
	require.True(t, taken)
	require.Less(t, took, jobs.LeaseTime, "it waits for one paused transaction after the other")
	for range cap(ended) {
		require.Error(t, <-ended, "the server has ended the session")
	}
	require.Zero(t, f.get(t, export.ID).PartsDone)
}

// pausedAfter is paused forever after it has sent data that contains the bytes.
type pausedAfter struct {
	net.Conn

	sent   []byte
	paused chan struct{} // closed when it is paused
	end    <-chan struct{}
}

func (c *pausedAfter) Write(b []byte) (int, error) {
	select {
	case <-c.paused:
		<-c.end
		return 0, net.ErrClosed
	default:
	}
	n, err := c.Conn.Write(b)
	if bytes.Contains(b, c.sent) {
		close(c.paused)
	}
	return n, err
}

// A process is paused while it inserts the parts of its plan.
func TestPausedInPlan(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 0)
	export, err := f.store.Begin(t.Context(), f.accept(t))
	require.NoError(t, err)

	paused, end := make(chan struct{}), make(chan struct{})
	store := f.pausable(t, func(conn net.Conn) net.Conn {
		return &pausedAfter{Conn: conn, sent: []byte("Patient.0002"), paused: paused, end: end}
	})
	ended := make(chan error)
	go func() { ended <- store.Start(t.Context(), export, plan(export.ID, 100, 200)) }()
	<-paused

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err = f.store.Begin(ctx, export.ID)
	close(end)
	require.NoError(t, err, "the paused process keeps the export from others")
	require.Error(t, <-ended)
	require.Zero(t, f.count(t, `SELECT count(*) FROM sluice.part`))
}
