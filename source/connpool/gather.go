package connpool

import (
	"context"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// gatherBytes is how much the kernel gathers of a result that keeps coming
	// before it wakes the reader. PostgreSQL sends 8 KiB at a time, and to be
	// woken for each costs more than all the work on the rows.
	gatherBytes = 128 << 10

	// gatherAfter is how much has to come without a pause before that: the
	// first rows, and small results, are for somebody who waits for them.
	gatherAfter = 2 * gatherBytes

	// gatherPatience is how long what has come may wait for more of it. At the
	// speed of one connection gatherBytes take less than a millisecond.
	gatherPatience = 2 * time.Millisecond
)

// gathering makes the TCP connections of dial gather what they receive, on
// systems whose kernel can do that.
func gathering(dial pgconn.DialFunc) pgconn.DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		tcp, ok := conn.(*net.TCPConn)
		if !ok {
			return conn, nil
		}
		raw, err := tcp.SyscallConn()
		if err != nil {
			return conn, nil //nolint:nilerr // it works without
		}
		return &gatherer{Conn: tcp, raw: raw}, nil
	}
}

// gatherer is a TCP connection that reads a long result in large pieces, and
// all else as it comes. Only one goroutine may read at a time; deadlines may be
// set by any.
type gatherer struct {
	net.Conn // not *net.TCPConn, whose WriteTo would read past us

	raw  syscall.RawConn
	flow int // bytes received without a pause

	mu       sync.Mutex
	gathers  bool      // the kernel waits for gatherBytes
	deadline time.Time // of reading, as the owner set it
}

// SyscallConn returns the socket.
func (g *gatherer) SyscallConn() (syscall.RawConn, error) { return g.raw, nil }

// Read is that of net.Conn. While bytes are gathered, a read that has waited
// long enough takes what there is or, up to the owner's deadline, the next byte.
func (g *gatherer) Read(p []byte) (int, error) {
	gathers, err := g.prepare()
	if err != nil {
		return 0, err
	}
	n, err := g.Conn.Read(p)
	if gathers && n == 0 && os.IsTimeout(err) {
		g.flow = 0
		if err := g.gather(false); err != nil {
			return 0, err
		}
		n, err = g.Conn.Read(p)
	}
	g.flow += n
	return n, err
}

// prepare begins to gather when enough has come, and tells whether bytes are
// gathered; then it starts the time of waiting.
func (g *gatherer) prepare() (gathers bool, err error) {
	if g.flow < gatherAfter {
		return false, nil
	}
	return true, g.gather(true)
}

// gather switches the kernel's gathering on or off where it is not so yet, and
// sets the deadline that belongs to it.
func (g *gatherer) gather(on bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()

	if g.gathers != on {
		bytes := 1
		if on {
			bytes = gatherBytes
		}
		if err := setLowWater(g.raw, bytes); err != nil {
			return err
		}
		g.gathers = on
	}
	return g.setReadDeadlineLocked()
}

func (g *gatherer) setReadDeadlineLocked() error {
	deadline := g.deadline
	if g.gathers {
		if patience := time.Now().Add(gatherPatience); deadline.IsZero() || patience.Before(deadline) {
			deadline = patience
		}
	}
	return g.Conn.SetReadDeadline(deadline)
}

// SetReadDeadline is that of net.Conn.
func (g *gatherer) SetReadDeadline(t time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()

	g.deadline = t
	return g.setReadDeadlineLocked()
}

// SetDeadline is that of net.Conn.
func (g *gatherer) SetDeadline(t time.Time) error {
	if err := g.SetWriteDeadline(t); err != nil {
		return err
	}
	return g.SetReadDeadline(t)
}
