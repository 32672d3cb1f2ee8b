package chaos

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
)

// balancer passes each TCP connection on to the next of some servers, in turn.
type balancer struct {
	listener net.Listener
	passing  sync.WaitGroup

	mu      sync.Mutex
	targets []string // hosts and ports
	next    int
	open    map[net.Conn]bool
}

// startBalancer listens on a port of its own.
func startBalancer(ctx context.Context, targets ...string) (*balancer, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the balancer: %w", err)
	}
	b := &balancer{listener: listener, targets: targets, open: map[net.Conn]bool{}}
	b.passing.Go(b.accept)
	return b, nil
}

func (b *balancer) port() int { return b.listener.Addr().(*net.TCPAddr).Port }

// accept passes connections on until the listener is closed.
func (b *balancer) accept() {
	for {
		client, err := b.listener.Accept()
		if err != nil {
			return
		}
		b.passing.Go(func() { b.pass(client) })
	}
}

// pass connects the client to a server until either of them ends it.
func (b *balancer) pass(client net.Conn) {
	defer b.forget(client)
	server, err := net.Dial("tcp", b.choose(client))
	if err != nil {
		return // the client is told by the end of its connection
	}
	defer b.forget(server)
	b.mu.Lock()
	b.open[server] = true
	b.mu.Unlock()
	b.passing.Go(func() {
		defer b.forget(client)
		_, _ = io.Copy(client, server) // either end ends both
	})
	_, _ = io.Copy(server, client)
}

// choose returns the next server in turn.
func (b *balancer) choose(client net.Conn) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open[client] = true
	b.next++
	return b.targets[b.next%len(b.targets)]
}

// lead sends new connections to these servers only. The ones that are open stay.
func (b *balancer) lead(targets ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.targets = targets
}

func (b *balancer) forget(conn net.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.open, conn)
	_ = conn.Close() // the other side may have been first
}

func (b *balancer) close() error {
	err := b.listener.Close()
	b.mu.Lock()
	for conn := range b.open {
		_ = conn.Close() // as above
	}
	b.mu.Unlock()
	b.passing.Wait()
	if err != nil {
		return fmt.Errorf("stop the balancer: %w", err)
	}
	return nil
}
