package connpool

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// monitorInterval is the interval at which the monitor looks for sessions that wait for a
// connection in use.
const monitorInterval = 5 * time.Second

// checkTimeout limits a check.
const checkTimeout = time.Minute

// blockersSQL returns the sessions among $2 that block another session which
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
// It uses a connection of its own to each server that is read, outside
// Config.MaxConns, and only while a connection is in use that can have blocked a
// session for so long.
type monitor struct {
	pool *Pool

	mu    sync.Mutex
	inUse map[*Conn]session
}

// session is the session of a connection in use.
type session struct {
	pg     *pgconn.PgConn
	server Server
	pid    int32
	since  time.Time // the connection has been in use
}

func (m *monitor) add(c *Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	conn := c.Conn.Conn()
	m.inUse[c] = session{pg: conn.PgConn(), server: ServerOf(conn), pid: sessionPID(conn), since: time.Now()}
}

func (m *monitor) remove(c *Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.inUse, c)
}

// run checks the connections in use until ctx ends.
func (m *monitor) run(ctx context.Context) {
	watched := map[Server]*pgx.Conn{}
	defer func() { closeAll(ctx, slices.Collect(maps.Values(watched))) }()
	tick := time.NewTicker(monitorInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		held := m.held(m.pool.config.GiveWay)
		for at, conn := range watched {
			if held[at] == nil {
				_ = conn.Close(ctx)
				delete(watched, at)
			}
		}
		for at, sessions := range held {
			m.check(ctx, watched, at, sessions)
		}
	}
}

// check closes the sessions on a server that block another session. If the query fails,
// the next tick retries.
func (m *monitor) check(ctx context.Context, watched map[Server]*pgx.Conn, at Server, held sessions) {
	conn := watched[at]
	if conn == nil {
		var err error
		if conn, err = m.pool.ConnectAt(ctx, at); err != nil {
			return
		}
		watched[at] = conn
	}
	if err := giveWay(ctx, conn, m.pool.config.GiveWay, held); err != nil {
		_ = conn.Close(ctx)
		delete(watched, at)
	}
}

// sessions are connections in use on one server, by the process id of their
// sessions.
type sessions map[int32]*Conn

// held returns the connections that have been in use for at least d, by their
// servers.
func (m *monitor) held(d time.Duration) map[Server]sessions {
	m.mu.Lock()
	defer m.mu.Unlock()
	held := map[Server]sessions{}
	for c, s := range m.inUse {
		if time.Since(s.since) < d {
			continue
		}
		if held[s.server] == nil {
			held[s.server] = sessions{}
		}
		held[s.server][s.pid] = c
	}
	return held
}

// giveWay closes the connections that have blocked another session for at least d.
func giveWay(ctx context.Context, conn *pgx.Conn, d time.Duration, held sessions) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	rows, err := conn.Query(ctx, blockersSQL, d, slices.Collect(maps.Keys(held)))
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
func (c *Conn) giveWay() {
	c.monitor.mu.Lock() // it must not be released before it is closed
	defer c.monitor.mu.Unlock()
	if s, inUse := c.monitor.inUse[c]; inUse {
		c.cancel(ErrInTheWay)
		_ = s.pg.Conn().Close()
	}
}

// Explain adds ErrInTheWay to an error if the connection has given way.
func (c *Conn) Explain(err error) error { return Explain(c.ctx, err) }

// Explain adds ErrInTheWay to an error if that is the cause of the cancellation of ctx.
func Explain(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, ErrInTheWay) || !errors.Is(context.Cause(ctx), ErrInTheWay) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrInTheWay, err)
}
