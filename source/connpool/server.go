package connpool

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Server identifies a running server, from its start to its shutdown, among those that
// the URL may lead to: replicas behind a load balancer, several hosts, or a server that
// replaced another. It is the time of the start, in microseconds: a hint where to import
// a snapshot, which is then verified by its lock.
//
// The system identifier would add nothing, since replicas share it, and managed services
// deny reading it. The timeline changes when a standby is promoted, although its snapshots
// stay valid. The address depends on the route to the server.
type Server string

// serverKey is the key of a connection's server in its custom data.
const serverKey = "sluice.server"

// ServerOf returns the server of a connection that prepareSession has set up.
func ServerOf(conn *pgx.Conn) Server {
	s, _ := conn.PgConn().CustomData()[serverKey].(Server)
	return s
}

const (
	// maxDials limits the new connections of a search for a server.
	maxDials = 8

	// dialPause is the pause before the second new connection outside the pool. It
	// doubles with each.
	dialPause = 10 * time.Millisecond
)

// MoveTo replaces the connection by one to the wanted server, unless it leads there. The
// error is ErrElsewhere if none was found.
func (p *Pool) MoveTo(ctx context.Context, c *Conn, wanted Server) error {
	if ServerOf(c.Conn.Conn()) == wanted {
		return nil
	}
	p.monitor.remove(c) // it is idle and holds no locks
	defer p.monitor.add(c)
	if p.takeIdle(ctx, c, wanted) {
		return nil
	}
	select { // one search at a time: the pool has one connection more than Config.MaxConns
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

// search replaces the connection by others until one leads to the server. The others
// stay open meanwhile, so that a load balancer that prefers the server with the fewest
// connections does not choose the same server again.
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

// ConnectAt makes a connection outside the pool to the wanted server. The error is
// ErrElsewhere if none was found.
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

// closeAll closes connections and ignores errors, as of connections that are broken.
func closeAll(ctx context.Context, conns []*pgx.Conn) {
	for _, conn := range conns {
		_ = conn.Close(ctx)
	}
}
