package chaos

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
)

// balancer forwards TCP connections to servers in turn.
type balancer struct {
	listener    net.Listener
	cancel      context.CancelFunc
	connections sync.WaitGroup

	mu      sync.Mutex
	targets []string // hosts and ports
	next    int
}

// startBalancer listens on a port of its own.
func startBalancer(ctx context.Context, targets []string) (*balancer, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the balancer: %w", err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	b := &balancer{listener: listener, cancel: cancel, targets: targets}
	b.connections.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // closed
			}
			b.connections.Go(func() { b.forward(ctx, client) })
		}
	})
	return b, nil
}

func (b *balancer) port() int { return b.listener.Addr().(*net.TCPAddr).Port }

// forward connects the client to a server until one of them closes its connection or ctx
// ends.
func (b *balancer) forward(ctx context.Context, client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := (&net.Dialer{}).DialContext(ctx, "tcp", b.target())
	if err != nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, pair := range [][2]net.Conn{{client, server}, {server, client}} {
		b.connections.Go(func() {
			defer cancel()
			_, _ = io.Copy(pair[0], pair[1]) // either end closes both
		})
	}
	<-ctx.Done()
	_ = server.Close()
}

// target returns the next server.
func (b *balancer) target() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next++
	return b.targets[b.next%len(b.targets)]
}

// setTargets changes the servers of new connections.
func (b *balancer) setTargets(targets ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.targets = targets
}

func (b *balancer) close() error {
	err := b.listener.Close()
	b.cancel()
	b.connections.Wait()
	return err
}
