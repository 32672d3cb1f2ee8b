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
	// lowWaterBytes is how much of a long result the kernel collects before it wakes the
	// reader. PostgreSQL sends 8 KiB at a time, and a wake-up for each costs more than all
	// the work on the rows.
	lowWaterBytes = 128 << 10

	// lowWaterAfter is how much must be received without a pause before the low-water mark
	// is raised: the first rows, and small results, are passed on at once.
	lowWaterAfter = 2 * lowWaterBytes

	// lowWaterTimeout limits the wait for lowWaterBytes. At the speed of one connection
	// they take less than a millisecond.
	lowWaterTimeout = 2 * time.Millisecond
)

// lowWaterDial makes the TCP connections of dial raise the low-water mark of the socket
// (SO_RCVLOWAT) during long results, on systems that support it.
func lowWaterDial(dial pgconn.DialFunc) pgconn.DialFunc {
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
		return &lowWaterConn{Conn: tcp, raw: raw}, nil
	}
}

// lowWaterConn is a TCP connection that reads a long result in large pieces, and anything
// else as it is received. Only one goroutine may read at a time; any may set deadlines.
type lowWaterConn struct {
	net.Conn // not *net.TCPConn, whose WriteTo would bypass Read

	raw  syscall.RawConn
	flow int // bytes received without a pause

	mu       sync.Mutex
	raised   bool      // the low-water mark is lowWaterBytes
	deadline time.Time // for reads, as set by the owner
}

// SyscallConn returns the socket.
func (c *lowWaterConn) SyscallConn() (syscall.RawConn, error) { return c.raw, nil }

// Read implements net.Conn. If lowWaterBytes are not received in time, it returns what
// has been received or, up to the owner's deadline, waits for the next byte.
func (c *lowWaterConn) Read(p []byte) (int, error) {
	raised, err := c.prepare()
	if err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(p)
	if raised && n == 0 && os.IsTimeout(err) {
		c.flow = 0
		if err := c.setRaised(false); err != nil {
			return 0, err
		}
		n, err = c.Conn.Read(p)
	}
	c.flow += n
	return n, err
}

// prepare raises the low-water mark if enough has been received, and reports whether it is
// raised; the timeout then starts.
func (c *lowWaterConn) prepare() (raised bool, err error) {
	if c.flow < lowWaterAfter {
		return false, nil
	}
	return true, c.setRaised(true)
}

// setRaised raises or resets the low-water mark, unless that was done before, and sets
// the read deadline accordingly.
func (c *lowWaterConn) setRaised(on bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()

	if c.raised != on {
		bytes := 1
		if on {
			bytes = lowWaterBytes
		}
		if err := setLowWater(c.raw, bytes); err != nil {
			return err
		}
		c.raised = on
	}
	return c.setReadDeadlineLocked()
}

func (c *lowWaterConn) setReadDeadlineLocked() error {
	deadline := c.deadline
	if c.raised {
		if timeout := time.Now().Add(lowWaterTimeout); deadline.IsZero() || timeout.Before(deadline) {
			deadline = timeout
		}
	}
	return c.Conn.SetReadDeadline(deadline)
}

// SetReadDeadline implements net.Conn.
func (c *lowWaterConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()

	c.deadline = t
	return c.setReadDeadlineLocked()
}

// SetDeadline implements net.Conn.
func (c *lowWaterConn) SetDeadline(t time.Time) error {
	if err := c.SetWriteDeadline(t); err != nil {
		return err
	}
	return c.SetReadDeadline(t)
}
