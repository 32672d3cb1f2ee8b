package worker_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// commitDelay delays the response to the COMMIT of the first transaction that runs a
// statement.
type commitDelay struct {
	statement string        // a part of its text
	patience  time.Duration // the delay, unless the client stops waiting
	delayed   atomic.Bool
	ended     chan struct{} // closed when the delay has ended
	aborted   bool          // the client has stopped waiting; valid once ended is closed
}

// pool opens connections to the database whose responses can be delayed.
func (d *commitDelay) pool(t *testing.T, databaseURL string) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(databaseURL)
	require.NoError(t, err)
	dial := config.ConnConfig.DialFunc
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &delayedConn{Conn: conn, delay: d, expired: make(chan struct{}, 1)}, nil
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// delayedConn is a connection of such a pool.
type delayedConn struct {
	net.Conn

	delay   *commitDelay
	found   atomic.Bool   // the transaction has run the statement
	commits atomic.Bool   // its COMMIT has been sent
	expired chan struct{} // receives a value when the client stops waiting
}

func (c *delayedConn) Write(p []byte) (int, error) {
	switch {
	case bytes.Contains(p, []byte(c.delay.statement)):
		c.found.Store(true)
	case c.found.Load() && bytes.Contains(p, []byte("commit")):
		c.commits.Store(true)
	}
	return c.Conn.Write(p)
}

func (c *delayedConn) Read(p []byte) (int, error) {
	if c.commits.Load() && c.delay.delayed.CompareAndSwap(false, true) {
		select {
		case <-c.expired:
			c.delay.aborted = true
		case <-time.After(c.delay.patience):
		}
		close(c.delay.ended)
	}
	return c.Conn.Read(p)
}

// SetDeadline implements net.Conn. pgx calls it when the context of a statement ends.
func (c *delayedConn) SetDeadline(deadline time.Time) error {
	err := c.Conn.SetDeadline(deadline)
	if !deadline.IsZero() && c.commits.Load() {
		select {
		case c.expired <- struct{}{}:
		default:
		}
	}
	return err
}

// TestCommitOutlastsRenewal: when a transaction that ends a part or an export has
// committed but its response is delayed, there is no lease left to renew, and that must
// not be mistaken for a lost lease.
func TestCommitOutlastsRenewal(t *testing.T) {
	t.Parallel()
	for name, delay := range map[string]*commitDelay{
		"Part":   {statement: "SET state = 'done', bytes_read", patience: 3 * time.Second},
		"Export": {statement: "SET state = 'completed', finished_at", patience: 2 * jobs.RenewInterval},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, setup())
			delay.ended = make(chan struct{})
			log := &logBuffer{}
			w := f.start(t, options{database: delay.pool(t, f.url), logger: slog.New(slog.NewTextHandler(log, nil)), stopTimeout: time.Minute})
			id := f.accept(t, jobs.Request{Types: []string{"Patient"}})
			f.await(t, id, jobs.Completed)

			f.eventually(t, "the answer to the commit is delayed", delay.delayed.Load)
			<-delay.ended
			w.stop(t)
			require.False(t, delay.aborted, log)
			require.NotContains(t, log.String(), "part dropped")
			f.requireFiles(t, id, map[string]int64{"Patient": 200})
		})
	}
}
