package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/seed-90096f4d/sluice/api/stall"
)

const (
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 64 << 10
)

// Serve answers requests on a listener of TCP connections until ctx ends. Then it
// accepts no more, waits up to Config.ShutdownTimeout for running requests, cuts off the
// rest, and returns when all handlers have.
func (a *API) Serve(ctx context.Context, listener net.Listener) error {
	var running sync.WaitGroup
	handler := a.Handler()
	server := &http.Server{
		ErrorLog: slog.NewLogLogger(a.config.Logger.Handler(), slog.LevelWarn),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			running.Add(1)
			defer running.Done()
			handler.ServeHTTP(w, r)
		}),
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ReadHeaderTimeout: a.config.RequestTimeout,
	}
	var background sync.WaitGroup
	backgroundCtx, stopBackground := context.WithCancel(context.WithoutCancel(ctx))
	background.Go(func() { a.audit.Run(backgroundCtx) })
	background.Go(func() { a.watchRevocations(backgroundCtx) })
	defer background.Wait() // stores the events of the last requests, too
	defer stopBackground()

	listener = stall.Listener{Listener: listener, Timeout: a.config.StallTimeout}
	if a.config.TLS != nil {
		listener = tls.NewListener(listener, a.config.TLS)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	select {
	case err := <-served:
		_ = server.Close()
		running.Wait() // their events are stored below
		return fmt.Errorf("api: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.config.ShutdownTimeout)
	defer cancel()
	if err := server.Shutdown(drain); errors.Is(err, context.DeadlineExceeded) {
		a.config.Logger.WarnContext(ctx, "shutdown timeout exceeded; cutting off running requests", "timeout", a.config.ShutdownTimeout)
		_ = server.Close()
	}
	running.Wait() // a handler ends its query before it returns
	return nil
}
