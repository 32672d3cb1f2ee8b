package worker_test

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// proxy is a TCP proxy between a worker and a server that can fail.
type proxy struct {
	// url is the URL of the server with the address of the proxy.
	url string

	server   string
	listener net.Listener
	running  sync.WaitGroup

	mu    sync.Mutex
	mode  proxyMode
	conns map[net.Conn]bool
	seen  chan struct{} // gets something for each connection not served
}

type proxyMode int

const (
	serving  proxyMode = iota
	refusing           // connections are closed
	silent             // connections are taken and nothing is ever answered
)

func newProxy(t *testing.T, serverURL string) *proxy {
	t.Helper()
	u, err := url.Parse(serverURL)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0") // closed at the end of the test
	require.NoError(t, err)

	p := &proxy{server: u.Host, listener: listener, conns: map[net.Conn]bool{}, seen: make(chan struct{}, 1000)}
	u.Host = listener.Addr().String()
	p.url = u.String()
	p.running.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		p.set(refusing)
		p.running.Wait()
	})
	return p
}

// serve accepts connections again.
func (p *proxy) serve() { p.set(serving) }

// refuse closes all connections and new ones.
func (p *proxy) refuse() { p.set(refusing) }

// hush closes all connections and does not respond on new ones.
func (p *proxy) hush() { p.set(silent) }

func (p *proxy) set(mode proxyMode) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode = mode
	for conn := range p.conns {
		_ = conn.Close()
	}
}

func (p *proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		switch p.admit(conn) {
		case serving:
			p.running.Go(func() { p.pass(conn) })
		case refusing:
			_ = conn.Close()
			p.seen <- struct{}{}
		case silent:
			p.seen <- struct{}{}
		}
	}
}

// admit records the connection, to be closed when the mode changes.
func (p *proxy) admit(conn net.Conn) proxyMode {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[conn] = true
	return p.mode
}

// pass copies bytes in both directions until either side closes.
func (p *proxy) pass(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	server, err := net.Dial("tcp", p.server) // both ends are closed below
	if err != nil {
		return
	}
	p.running.Go(func() {
		_, _ = io.Copy(conn, server)
		_ = conn.Close()
	})
	_, _ = io.Copy(server, conn)
	_ = server.Close()
}
