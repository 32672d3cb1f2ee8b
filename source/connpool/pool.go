// Package connpool makes the connections that read FHIR tables: a bounded pool of
// sessions that are read-only, have no timeouts, receive long results in large pieces,
// and end when they keep another session from a table for too long. The URL may lead to
// several servers; a connection can be moved to the one that holds a snapshot.
//
// It must not know what is read on the connections.
package connpool

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/seed-90096f4d/sluice/pgsession"
)

var (
	// ErrElsewhere means that no connection to the wanted server was made: the load
	// balancer chose other servers, or the server is gone.
	ErrElsewhere = errors.New("not connected to the server that holds it")

	// ErrInTheWay means that a session was ended because another session has waited too
	// long for a table that it has locked.
	ErrInTheWay = errors.New("another session waits for the table")

	// ErrOldServer means that the server is older than PostgreSQL 14.
	ErrOldServer = errors.New("the server is too old")
)

// Config says how to connect.
type Config struct {
	// ApplicationName is what pg_stat_activity shows for the sessions, followed by
	// ApplicationSuffix.
	ApplicationName string

	// GiveWay is how long another session may wait for a table that a connection in use
	// has locked, before that connection is closed.
	GiveWay time.Duration

	// MaxConns limits the connections in use.
	MaxConns int32

	// RowSecurity lets row-level security hide rows from the role. Without it, affected
	// queries fail.
	RowSecurity bool

	// Schema is the schema in which the functions of views are found.
	Schema string

	// Spares limits the connections of AcquireSpare. They count against MaxConns.
	Spares int

	// Tracer, if set, is called for statements.
	Tracer pgx.QueryTracer

	// URL is the connection string, in any form libpq understands.
	URL string
}

// Pool is a pool of connections. It is safe for concurrent use.
type Pool struct {
	config Config
	pool   *pgxpool.Pool
	single *pgx.ConnConfig // for connections outside the pool

	monitor     *monitor
	stopMonitor func() // returns when it has stopped

	// semaphores of connections in use, of spare connections, and of searches for a
	// server
	slots, spares, searches chan struct{}

	waits waits // for slots
}

// Open prepares the connections. It fails if the URL is invalid; the server need not be
// up yet. Close releases the Pool.
func Open(ctx context.Context, cfg Config) (*Pool, error) {
	poolConfig, err := pgsession.Parse(cfg.URL, pgsession.Options{Required: sessionSettings(cfg)})
	if err != nil {
		return nil, err
	}
	poolConfig.MaxConns = cfg.MaxConns + 1 // for a search
	poolConfig.BeforeConnect = func(ctx context.Context, config *pgx.ConnConfig) error {
		rotateHosts(ctx, config)
		return nil
	}
	poolConfig.AfterConnect = prepareSession
	prepareConfig(poolConfig.ConnConfig)
	poolConfig.ConnConfig.Tracer = cfg.Tracer

	pool, err := pgxpool.NewWithConfig(ctx, poolConfig)
	if err != nil {
		return nil, err
	}
	p := &Pool{
		config:   cfg,
		pool:     pool,
		single:   poolConfig.ConnConfig,
		slots:    make(chan struct{}, cfg.MaxConns),
		spares:   make(chan struct{}, cfg.Spares),
		searches: make(chan struct{}, 1),
	}
	p.startMonitor(ctx)
	return p, nil
}

// startMonitor runs the monitor until Close.
func (p *Pool) startMonitor(ctx context.Context) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p.monitor = &monitor{pool: p, inUse: map[*Conn]session{}}
	var running sync.WaitGroup
	running.Go(func() { p.monitor.run(ctx) })
	p.stopMonitor = func() {
		cancel()
		running.Wait()
	}
}

// Close closes the connections. It waits until all of them are released.
func (p *Pool) Close() {
	p.stopMonitor()
	p.pool.Close()
}

// Connect makes a connection outside the pool.
func (p *Pool) Connect(ctx context.Context) (*pgx.Conn, error) {
	config := p.single.Copy()
	rotateHosts(ctx, config)
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	if err := prepareSession(ctx, conn); err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	return conn, nil
}
