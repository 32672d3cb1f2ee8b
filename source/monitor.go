package source

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// monitorEvery is the interval at which the connections in use are checked for
// sessions that wait for them.
const monitorEvery = 5 * time.Second

// blockersSQL returns those of the sessions $2 that block another session which
// has waited for a lock on a table for $1 or longer.
const blockersSQL = `
SELECT DISTINCT blocker
FROM pg_locks, unnest(pg_blocking_pids(pid)) AS blocker
WHERE NOT granted AND locktype = 'relation' AND waitstart <= clock_timestamp() - $1::interval
	AND blocker = ANY ($2::integer[])`

// monitor closes connections that keep another session from a table for
// Config.GiveWay. A scan is as slow as the consumer of its rows, and it locks its
// table to the end: without the monitor, a slow client would block every DDL
// statement on the table, and every session that queues behind that.
//
// It uses a connection of its own, outside Config.MaxConns, and only while a
// connection is in use that can have blocked a session for so long.
type monitor struct {
	source *Source

	mu    sync.Mutex
	inUse map[*connection]struct{}
}

func (m *monitor) add(c *connection) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inUse[c] = struct{}{}
}

func (m *monitor) remove(c *connection) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.inUse, c)
}

// run checks the connections in use until ctx ends.
func (m *monitor) run(ctx context.Context) {
	var conn *pgx.Conn
	disconnect := func() {
		if conn != nil {
			_ = conn.Close(ctx)
			conn = nil
		}
	}
	defer disconnect()
	tick := time.NewTicker(monitorEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		held := m.held(m.source.config.GiveWay)
		if len(held) == 0 {
			disconnect()
			continue
		}
		// If the server can't be asked, the next tick tries again.
		var err error
		if conn == nil {
			conn, err = m.source.connect(ctx)
		}
		if err == nil {
			err = giveWay(ctx, conn, m.source.config.GiveWay, held)
		}
		if err != nil {
			disconnect()
		}
	}
}

// held returns the connections that have been in use for at least d, by the
// process id of their sessions.
func (m *monitor) held(d time.Duration) map[int32]*connection {
	m.mu.Lock()
	defer m.mu.Unlock()
	held := map[int32]*connection{}
	for c := range m.inUse {
		if time.Since(c.since) >= d {
			held[c.pid] = c
		}
	}
	return held
}

// giveWay closes those of the connections that have kept another session waiting
// for at least d.
func giveWay(ctx context.Context, conn *pgx.Conn, d time.Duration, held map[int32]*connection) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	pids := make([]int32, 0, len(held))
	for pid := range held {
		pids = append(pids, pid)
	}
	rows, err := conn.Query(ctx, blockersSQL, d, pids)
	if err != nil {
		return err
	}
	blockers, err := pgx.CollectRows(rows, pgx.RowTo[int32])
	if err != nil {
		return err
	}
	for _, pid := range blockers {
		held[pid].giveWay()
	}
	return nil
}

// giveWay ends the session, and with it its locks, even if the consumer of its
// rows is not reading.
func (c *connection) giveWay() {
	c.cancel(ErrInTheWay)
	_ = c.pg().Conn().Close()
}

// explain adds to an error that the connection has given way, if it has.
func (c *connection) explain(err error) error {
	if err == nil || errors.Is(err, ErrSnapshotGone) || !errors.Is(context.Cause(c.ctx), ErrInTheWay) {
		return err
	}
	return fmt.Errorf("source: %w: %w: %w", ErrSnapshotGone, ErrInTheWay, err)
}

// run runs the query on the connection, not faster than the pace.
func (c *connection) run(ctx context.Context, q query, pace *pace) error {
	return c.explain(q.run(ctx, c.pg(), pace))
}
