package source

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
	// gatherBytes is the low-water mark of the socket while a large result is received:
	// the kernel wakes the reader when that much can be read. PostgreSQL sends 8 KiB
	// at a time, and a wake-up for each costs more than processing the rows.
	gatherBytes = 128 << 10

	// gatherAfter is how much must be received without a pause before the mark is set:
	// the first rows, and small results, must not be delayed.
	gatherAfter = 2 * gatherBytes

	// gatherPatience is how long received bytes may be delayed. At the speed of one
	// connection, gatherBytes take less than a millisecond.
	gatherPatience = 2 * time.Millisecond
)

// gathering makes the TCP connections of dial read large results in large pieces, on
// systems that support it.
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
			return conn, nil // it works without
		}
		return &gatherer{Conn: tcp, raw: raw}, nil
	}
}

// gatherer is a TCP connection that reads a large result in large pieces, and other
// data immediately. Only one goroutine may read at a time; any may set deadlines.
type gatherer struct {
	net.Conn // not *net.TCPConn, whose WriteTo would bypass Read

	raw  syscall.RawConn
	flow int // bytes received without a pause

	mu       sync.Mutex
	gathers  bool      // the low-water mark is gatherBytes
	deadline time.Time // of reads, as set by the owner
}

// SyscallConn implements syscall.Conn.
func (g *gatherer) SyscallConn() (syscall.RawConn, error) { return g.raw, nil }

// Read implements net.Conn. While the mark is set, a read that has waited for
// gatherPatience returns what has been received or waits, up to the owner's deadline,
// for the next byte.
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

// prepare sets the mark if enough was received, and reports whether it is set. It then
// starts the time for gatherPatience.
func (g *gatherer) prepare() (gathers bool, err error) {
	if g.flow < gatherAfter {
		return false, nil
	}
	return true, g.gather(true)
}

// gather sets or clears the mark, if necessary, and sets the deadline accordingly.
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

// SetReadDeadline implements net.Conn.
func (g *gatherer) SetReadDeadline(t time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()

	g.deadline = t
	return g.setReadDeadlineLocked()
}

// SetDeadline implements net.Conn.
func (g *gatherer) SetDeadline(t time.Time) error {
	if err := g.SetWriteDeadline(t); err != nil {
		return err
	}
	return g.SetReadDeadline(t)
}
