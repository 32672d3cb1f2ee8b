package api

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

const (
	// looksPerTimeout is how often in a stall timeout a blocked write looks at what
	// the client has taken.
	looksPerTimeout = 4

	// readPerTimeout is how much a client is trusted to read in a stall timeout of
	// what its system has taken for it: 17 kB/s with the default. A receive buffer
	// holds megabytes and takes nothing more until a good part was read, and clients
	// that limit their rate, such as curl, read a few megabytes at once and pause.
	readPerTimeout = 1 << 20

	// maxUnread bounds what a client is thought not to have read yet, so that one
	// that has stopped is cut off within five stall timeouts.
	maxUnread = 4 * readPerTimeout
)

// errStalled means that a client has taken no byte for the stall timeout.
var errStalled = fmt.Errorf("the client stopped reading: %w", os.ErrDeadlineExceeded)

// stallListener makes writes to its connections fail when the client takes no
// byte for the timeout.
type stallListener struct {
	net.Listener

	timeout time.Duration
}

// Accept is that of net.Listener.
func (l stallListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &stallConn{Conn: conn, timeout: l.timeout}, nil
}

// stallConn is a connection on which a Write fails with errStalled when the client
// takes no byte for the timeout. What counts is what the client has acknowledged:
// the socket's buffer, which can hold megabytes, says nothing of a client that
// reads slowly but steadily, because it has room for a blocked Write only after
// about a third of it was sent. The timeout begins when the client can be thought
// to have read what it has acknowledged (readPerTimeout).
//
// Where the system does not tell what was acknowledged, room in the buffer counts.
type stallConn struct {
	net.Conn // not *net.TCPConn, whose ReadFrom would write past us

	timeout time.Duration

	// As of the last look; only Write uses them.
	looked time.Time
	acked  uint64
	unread float64 // bytes

	mu         sync.Mutex
	deadline   time.Time // for writes, as the owner set it
	discarding bool      // Close drops what the client has not taken
}

// Write is that of net.Conn.
func (c *stallConn) Write(p []byte) (n int, err error) {
	progress := time.Now()
	for {
		owned, err := c.setLook()
		if err != nil {
			return n, err
		}
		written, err := c.Conn.Write(p[n:])
		n += written
		if err == nil || owned || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		now := time.Now()
		if c.look(now) || written > 0 {
			progress = now
		}
		if now.Sub(progress) >= c.timeout {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.discard(true)
			return n, errStalled
		}
	}
}

// look reports whether the client is reading, as far as that is known: it has
// acknowledged something since the last look, or has something left to read.
func (c *stallConn) look(now time.Time) bool {
	acked := c.acknowledged()
	taken := float64(acked - c.acked)
	if !c.looked.IsZero() {
		c.unread -= readPerTimeout * float64(now.Sub(c.looked)) / float64(c.timeout)
	}
	c.unread = min(max(c.unread, 0)+taken, maxUnread)
	c.looked, c.acked = now, acked
	return c.unread > 0
}

// setLook sets the deadline of a blocked write to the next look at the client. It
// reports whether that is the owner's deadline.
func (c *stallConn) setLook() (owned bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	look := time.Now().Add(c.timeout / looksPerTimeout)
	if owned = !c.deadline.IsZero() && c.deadline.Before(look); owned {
		look = c.deadline
	}
	return owned, c.Conn.SetWriteDeadline(look)
}

// SetWriteDeadline is that of net.Conn. A deadline that has passed also makes Close
// drop what the client has not taken.
func (c *stallConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	c.discard(!t.IsZero() && !t.After(time.Now()))
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline is that of net.Conn.
func (c *stallConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// CloseWrite lets net/http end an answer to a client that is still sending.
func (c *stallConn) CloseWrite() error {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		return tcp.CloseWrite()
	}
	return nil
}

// acknowledged returns how many bytes the client has acknowledged, or 0 where that
// is not known.
func (c *stallConn) acknowledged() uint64 {
	tcp, ok := c.Conn.(*net.TCPConn)
	if !ok {
		return 0
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return 0
	}
	return bytesAcked(raw)
}

// discard makes Close drop what the client has not taken, or again leave that to
// the kernel, which sends it for as long as a client reads. c.mu must be held.
func (c *stallConn) discard(drop bool) {
	tcp, ok := c.Conn.(*net.TCPConn)
	if !ok || c.discarding == drop {
		return
	}
	c.discarding = drop
	seconds := -1
	if drop {
		seconds = 0
	}
	_ = tcp.SetLinger(seconds)
}
