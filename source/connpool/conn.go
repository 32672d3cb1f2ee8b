package connpool

import (
	"context"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Conn is one of those that Config.MaxConns bounds.
type Conn struct {
	*pgxpool.Conn

	// ctx ends when the connection is released or, with the cause ErrInTheWay, when
	// it has to give way.
	ctx    context.Context
	cancel context.CancelCauseFunc

	monitor *monitor

	slots []chan struct{} // each holds an element for it
}

// Acquire waits for a connection.
func (p *Pool) Acquire(ctx context.Context) (*Conn, error) {
	select {
	case p.slots <- struct{}{}:
		return p.pooled(ctx, p.slots)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// AcquireSpare takes a connection beyond the first of a scan if there is one at
// once; otherwise it returns nil. Whoever has one already must not wait for
// more: two who do that wait for each other.
func (p *Pool) AcquireSpare(ctx context.Context) (*Conn, error) {
	var taken []chan struct{}
	for _, slots := range []chan struct{}{p.spares, p.slots} {
		select {
		case slots <- struct{}{}:
			taken = append(taken, slots)
		default:
			free(taken)
			return nil, nil
		}
	}
	return p.pooled(ctx, taken...)
}

// pooled gets the connection for which slots have been taken.
func (p *Pool) pooled(ctx context.Context, slots ...chan struct{}) (*Conn, error) {
	conn, err := p.pool.Acquire(ctx)
	if err != nil {
		free(slots)
		return nil, err
	}
	c := &Conn{Conn: conn, monitor: p.monitor, slots: slots}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	p.monitor.add(c)
	return c, nil
}

// Context ends when the connection is released or, with the cause ErrInTheWay, when it
// has to give way.
func (c *Conn) Context() context.Context { return c.ctx }

// PgConn returns the connection on which queries are sent.
func (c *Conn) PgConn() *pgconn.PgConn { return c.Conn.Conn().PgConn() }

// Release gives the connection back.
func (c *Conn) Release() {
	c.monitor.remove(c)
	c.cancel(nil)
	c.Conn.Release()
	free(c.slots)
}

func free(slots []chan struct{}) {
	for _, p := range slots {
		<-p
	}
}

// Spares returns how many connections of AcquireSpare can be in use.
func (p *Pool) Spares() int { return cap(p.spares) }
