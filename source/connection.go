package source

import (
	"context"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// connection is one of those that Config.MaxConns bounds.
type connection struct {
	*pgxpool.Conn

	// ctx ends when the connection is released or, with the cause ErrInTheWay, when
	// it has to give way.
	ctx    context.Context
	cancel context.CancelCauseFunc

	monitor *monitor

	places []chan struct{} // what it takes one of, each
}

// acquire waits for a connection.
func (s *Source) acquire(ctx context.Context) (*connection, error) {
	select {
	case s.places <- struct{}{}:
		return s.pooled(ctx, s.places)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// acquireSpare takes a connection beyond the first of a scan if there is one at
// once; otherwise it returns nil. Whoever has one already must not wait for
// more: two who do that wait for each other.
func (s *Source) acquireSpare(ctx context.Context) (*connection, error) {
	var taken []chan struct{}
	for _, places := range []chan struct{}{s.spares, s.places} {
		select {
		case places <- struct{}{}:
			taken = append(taken, places)
		default:
			free(taken)
			return nil, nil
		}
	}
	return s.pooled(ctx, taken...)
}

// pooled gets the connection for which places have been taken.
func (s *Source) pooled(ctx context.Context, places ...chan struct{}) (*connection, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		free(places)
		return nil, err
	}
	c := &connection{Conn: conn, monitor: s.monitor, places: places}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	s.monitor.add(c)
	return c, nil
}

func (c *connection) pg() *pgconn.PgConn { return c.Conn.Conn().PgConn() }

// Release gives the connection back.
func (c *connection) Release() {
	c.monitor.remove(c)
	c.cancel(nil)
	c.Conn.Release()
	free(c.places)
}

func free(places []chan struct{}) {
	for _, p := range places {
		<-p
	}
}
