package cli

import (
	"context"
	"fmt"
	"net"
)

// adminSettings are about the listener for operators.
type adminSettings struct {
	AdminListen string `env:"SLUICE_ADMIN_LISTEN" placeholder:"ADDRESS" help:"Address for /metrics, /health and /ready without credentials, such as 127.0.0.1:9090 (empty = off; the API then serves them itself)."`
}

// listenAdmin opens the listener; nil if there is to be none.
func (s *adminSettings) listenAdmin(ctx context.Context) (net.Listener, error) {
	if s.AdminListen == "" {
		return nil, nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.AdminListen)
	if err != nil {
		return nil, fmt.Errorf("SLUICE_ADMIN_LISTEN: %w", err)
	}
	return listener, nil
}
