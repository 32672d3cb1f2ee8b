package source

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// server identifies a running server, from its start to its end, among those that
// the URL may lead to: replicas behind a load balancer, several hosts, or a server
// that took the place of another. It is the time of the start, in microseconds: a
// hint on where to import a snapshot, whose lock is the proof (see reference).
//
// The system identifier adds nothing, since replicas share it, and managed services
// deny reading it. The timeline changes when a standby is promoted, though the
// snapshots that are held there stay valid. The address depends on the way to the
// server.
type server string

// serverKey is where a connection keeps its server.
const serverKey = "sluice.server"

// serverOf returns the server of a connection that prepareSession has set up.
func serverOf(conn *pgx.Conn) server {
	s, _ := conn.PgConn().CustomData()[serverKey].(server)
	return s
}

// errElsewhere means that the snapshot is held on a server that no connection was
// found to: it is another one's turn at the load balancer, or the server is gone.
var errElsewhere = fmt.Errorf("%w: it is held on another server", ErrSnapshotGone)

const (
	// maxDials bounds the new connections that a search for a server makes.
	maxDials = 8

	// dialPause is the pause before the second of them where nothing else makes the
	// caller wait. It doubles with each.
	dialPause = 10 * time.Millisecond
)

// moveTo replaces the connection by one to the server, unless it is one already.
func (s *Source) moveTo(ctx context.Context, c *connection, wanted server) error {
	if serverOf(c.Conn.Conn()) == wanted {
		return nil
	}
	s.monitor.remove(c) // idle, it keeps nobody waiting
	defer s.monitor.add(c)
	if s.takeIdle(ctx, c, wanted) {
		return nil
	}
	select { // one search at a time: few connections are open beyond Config.MaxConns, and the pool has room for one
	case s.searches <- struct{}{}:
		defer func() { <-s.searches }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return s.search(ctx, c, wanted)
}

// takeIdle replaces the connection by an idle one to the server, if there is one.
func (s *Source) takeIdle(ctx context.Context, c *connection, wanted server) (found bool) {
	for _, idle := range s.pool.AcquireAllIdle(ctx) {
		if !found && serverOf(idle.Conn()) == wanted {
			found = true
			idle, c.Conn = c.Conn, idle
		}
		idle.Release()
	}
	return found
}

// search replaces the connection by others until one is to the server. Those that
// are not stay open meanwhile, so that a load balancer that looks for the server
// with the fewest connections does not choose the same again.
func (s *Source) search(ctx context.Context, c *connection, wanted server) error {
	var aside []*pgx.Conn
	defer func() { closeAll(ctx, aside) }()

	ctx, search := searching(ctx)
	for search.dials < maxDials {
		next, err := s.pool.Acquire(ctx) // an idle one, or else a new one
		if err != nil {
			return err
		}
		aside = append(aside, c.Hijack())
		c.Conn = next
		if serverOf(next.Conn()) == wanted {
			return nil
		}
	}
	return errElsewhere
}

// connectAt makes a connection outside the pool to the server. errElsewhere if there
// is no way to it.
func (s *Source) connectAt(ctx context.Context, wanted server) (*pgx.Conn, error) {
	var aside []*pgx.Conn
	defer func() { closeAll(ctx, aside) }()

	pause := time.NewTimer(0)
	defer pause.Stop()
	ctx, search := searching(ctx)
	for search.dials < maxDials {
		select {
		case <-pause.C:
			pause.Reset(dialPause << search.dials)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		conn, err := s.connect(ctx)
		if err != nil {
			return nil, err
		}
		if serverOf(conn) == wanted {
			return conn, nil
		}
		aside = append(aside, conn)
	}
	return nil, errElsewhere
}

// closeAll closes connections that are of no use. Those that fail to close are
// gone already.
func closeAll(ctx context.Context, conns []*pgx.Conn) {
	for _, conn := range conns {
		_ = conn.Close(ctx)
	}
}
