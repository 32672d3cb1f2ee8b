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
)

const (
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 64 << 10
)

// Serve answers requests on the listener, of TCP connections, until ctx ends. Then it accepts no
// more, lets running ones go on for Config.DrainTimeout, cuts what is left, and
// returns when nothing runs any more.
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
	var stored sync.WaitGroup
	storing, stopStoring := context.WithCancel(context.WithoutCancel(ctx))
	stored.Go(func() { a.trail.run(storing) })
	stored.Go(func() { a.storeClientChanges(storing) })
	stored.Go(func() { a.watchRevocations(storing) })
	defer stored.Wait() // what the last requests did is stored, too
	defer stopStoring()

	listener = stallListener{Listener: listener, timeout: a.config.StallTimeout}
	if a.config.TLS != nil {
		listener = tls.NewListener(listener, a.config.TLS)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	select {
	case err := <-served:
		return fmt.Errorf("api: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.config.DrainTimeout)
	defer cancel()
	if err := server.Shutdown(drain); errors.Is(err, context.DeadlineExceeded) {
		a.config.Logger.WarnContext(ctx, "requests are cut off: they took longer than the drain timeout", "timeout", a.config.DrainTimeout)
		_ = server.Close()
	}
	running.Wait() // a cut request ends its query first
	return nil
}
