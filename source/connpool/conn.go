package connpool

import (
	"context"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Conn is a connection of a Pool. It must be released.
type Conn struct {
	*pgxpool.Conn

	// ctx ends when the connection is released or, with the cause ErrInTheWay, when
	// it has to give way.
	ctx    context.Context
	cancel context.CancelCauseFunc

	monitor *monitor

	slots []chan struct{} // the semaphores to release
}

// Acquire waits for a connection.
func (p *Pool) Acquire(ctx context.Context) (*Conn, error) {
	if err := p.waits.take(ctx, p.slots); err != nil {
		return nil, err
	}
	return p.pooled(ctx, p.slots)
}

// AcquireSpare returns a second or further connection of a scan if one is available at
// once, and nil otherwise. It does not wait: two scans that have one connection each and
// wait for more would wait for each other.
func (p *Pool) AcquireSpare(ctx context.Context) (*Conn, error) {
	var taken []chan struct{}
	for _, slots := range []chan struct{}{p.spares, p.slots} {
		select {
		case slots <- struct{}{}:
			taken = append(taken, slots)
		default:
			releaseSlots(taken)
			return nil, nil
		}
	}
	return p.pooled(ctx, taken...)
}

// pooled returns the connection for which slots have been acquired.
func (p *Pool) pooled(ctx context.Context, slots ...chan struct{}) (*Conn, error) {
	conn, err := p.pool.Acquire(ctx)
	if err != nil {
		releaseSlots(slots)
		return nil, err
	}
	c := &Conn{Conn: conn, monitor: p.monitor, slots: slots}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	p.monitor.add(c)
	return c, nil
}

// Context returns a context that ends when the connection is released or, with the cause
// ErrInTheWay, when it has to give way.
func (c *Conn) Context() context.Context { return c.ctx }

// PgConn returns the low-level connection.
func (c *Conn) PgConn() *pgconn.PgConn { return c.Conn.Conn().PgConn() }

// Release returns the connection to the pool.
func (c *Conn) Release() {
	c.monitor.remove(c)
	c.cancel(nil)
	c.Conn.Release()
	releaseSlots(c.slots)
}

func releaseSlots(slots []chan struct{}) {
	for _, slot := range slots {
		<-slot
	}
}

// Spares returns the maximum number of connections of AcquireSpare.
func (p *Pool) Spares() int { return cap(p.spares) }
