// Package stall detects clients that have stopped reading. Its listener makes
// writes to a connection fail when the client accepts no byte for a timeout.
package stall

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

const (
	// checksPerTimeout is how often per timeout a blocked write checks what the
	// client has acknowledged.
	checksPerTimeout = 4

	// readPerTimeout is how many acknowledged bytes a client is assumed to read per
	// timeout: 17 kB/s with the default. A receive buffer holds megabytes and
	// accepts nothing more until a good part was read, and clients that limit their
	// rate, such as curl, read a few megabytes at once and pause.
	readPerTimeout = 1 << 20

	// maxUnread limits the bytes that a client is assumed not to have read yet, so
	// that a client that has stopped is disconnected within five timeouts.
	maxUnread = 4 * readPerTimeout
)

// ErrStalled means that a client has accepted no byte for the timeout.
var ErrStalled = fmt.Errorf("the client stopped reading: %w", os.ErrDeadlineExceeded)

// Listener accepts connections on which a Write fails with ErrStalled when the
// client accepts no byte for Timeout.
type Listener struct {
	net.Listener

	Timeout time.Duration
}

// Accept implements net.Listener.
func (l Listener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: accepted, timeout: l.Timeout}, nil
}

// conn is a connection of a Listener. It measures what the client has
// acknowledged: the socket's buffer can hold megabytes, and says nothing about a
// client that reads slowly but steadily, because it has room for a blocked Write
// only after about a third of it was sent. The timeout begins when the client is
// assumed to have read what it has acknowledged (readPerTimeout).
//
// Where the system does not report acknowledged bytes, room in the buffer counts.
type conn struct {
	net.Conn // not *net.TCPConn, whose ReadFrom would bypass Write

	timeout time.Duration

	// As of the last check; only Write uses them.
	checked time.Time
	acked   uint64
	unread  float64 // bytes

	mu         sync.Mutex
	deadline   time.Time // for writes, as set by the owner
	discarding bool      // Close drops what the client has not acknowledged
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (n int, err error) {
	progress := time.Now()
	for {
		owned, err := c.scheduleCheck()
		if err != nil {
			return n, err
		}
		written, err := c.Conn.Write(p[n:])
		n += written
		if err == nil || owned || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		now := time.Now()
		if c.isReading(now) || written > 0 {
			progress = now
		}
		if now.Sub(progress) >= c.timeout {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.discard(true)
			return n, ErrStalled
		}
	}
}

// isReading reports whether the client has acknowledged bytes since the last
// check, or is assumed to have some left to read.
func (c *conn) isReading(now time.Time) bool {
	acked := c.acknowledged()
	added := float64(acked - c.acked)
	if !c.checked.IsZero() {
		c.unread -= readPerTimeout * float64(now.Sub(c.checked)) / float64(c.timeout)
	}
	c.unread = min(max(c.unread, 0)+added, maxUnread)
	c.checked, c.acked = now, acked
	return c.unread > 0
}

// scheduleCheck sets the write deadline to the next check of the client, or to the
// owner's deadline if that is earlier. It reports whether it was.
func (c *conn) scheduleCheck() (owned bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := time.Now().Add(c.timeout / checksPerTimeout)
	if owned = !c.deadline.IsZero() && c.deadline.Before(next); owned {
		next = c.deadline
	}
	return owned, c.Conn.SetWriteDeadline(next)
}

// SetWriteDeadline implements net.Conn. A deadline in the past also makes Close
// drop what the client has not acknowledged.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	c.discard(!t.IsZero() && !t.After(time.Now()))
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// CloseWrite lets net/http end a response to a client that is still sending.
func (c *conn) CloseWrite() error {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		return tcp.CloseWrite()
	}
	return nil
}

// acknowledged returns how many bytes the client has acknowledged, or 0 if that is
// unknown.
func (c *conn) acknowledged() uint64 {
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

// discard makes Close drop what the client has not acknowledged, or restores the
// default: the kernel sends it for as long as the client reads. c.mu must be held.
func (c *conn) discard(drop bool) {
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
