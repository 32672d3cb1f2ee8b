package connpool

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Server identifies a running server, from its start to its end, among those that
// the URL may lead to: replicas behind a load balancer, several hosts, or a server
// that took the place of another. It is the time of the start, in microseconds: a
// hint on where to import a snapshot, whose lock is the proof (see reference).
//
// The system identifier adds nothing, since replicas share it, and managed services
// deny reading it. The timeline changes when a standby is promoted, though the
// snapshots that are held there stay valid. The address depends on the way to the
// server.
type Server string

// serverKey is where a connection keeps its server.
const serverKey = "sluice.server"

// ServerOf returns the server of a connection that prepareSession has set up.
func ServerOf(conn *pgx.Conn) Server {
	s, _ := conn.PgConn().CustomData()[serverKey].(Server)
	return s
}

const (
	// maxDials bounds the new connections that a search for a server makes.
	maxDials = 8

	// dialPause is the pause before the second of them where nothing else makes the
	// caller wait. It doubles with each.
	dialPause = 10 * time.Millisecond
)

// MoveTo replaces the connection by one to the server, unless it is one already.
func (p *Pool) MoveTo(ctx context.Context, c *Conn, wanted Server) error {
	if ServerOf(c.Conn.Conn()) == wanted {
		return nil
	}
	p.monitor.remove(c) // idle, it keeps nobody waiting
	defer p.monitor.add(c)
	if p.takeIdle(ctx, c, wanted) {
		return nil
	}
	select { // one search at a time: few connections are open beyond Config.MaxConns, and the pool has room for one
	case p.searches <- struct{}{}:
		defer func() { <-p.searches }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return p.search(ctx, c, wanted)
}

// takeIdle replaces the connection by an idle one to the server, if there is one.
func (p *Pool) takeIdle(ctx context.Context, c *Conn, wanted Server) (found bool) {
	for _, idle := range p.pool.AcquireAllIdle(ctx) {
		if !found && ServerOf(idle.Conn()) == wanted {
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
func (p *Pool) search(ctx context.Context, c *Conn, wanted Server) error {
	var aside []*pgx.Conn
	defer func() { closeAll(ctx, aside) }()

	ctx, search := searching(ctx)
	for search.dials < maxDials {
		next, err := p.pool.Acquire(ctx) // an idle one, or else a new one
		if err != nil {
			return err
		}
		aside = append(aside, c.Hijack())
		c.Conn = next
		if ServerOf(next.Conn()) == wanted {
			return nil
		}
	}
	return ErrElsewhere
}

// ConnectAt makes a connection outside the pool to the server. ErrElsewhere if there
// is no way to it.
func (p *Pool) ConnectAt(ctx context.Context, wanted Server) (*pgx.Conn, error) {
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
		conn, err := p.Connect(ctx)
		if err != nil {
			return nil, err
		}
		if ServerOf(conn) == wanted {
			return conn, nil
		}
		aside = append(aside, conn)
	}
	return nil, ErrElsewhere
}

// closeAll closes connections that are of no use. Those that fail to close are
// gone already.
func closeAll(ctx context.Context, conns []*pgx.Conn) {
	for _, conn := range conns {
		_ = conn.Close(ctx)
	}
}
