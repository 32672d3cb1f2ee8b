package chaos

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"sync/atomic"
	"time"
)

// weather is how the object store behaves towards the product.
type weather struct {
	// delay precedes each answer. It also makes exports last long enough for a fault to
	// strike while they run.
	delay time.Duration
	// refuse answers every request with 503 SlowDown, as an overloaded store.
	refuse bool
}

var (
	fine   = weather{delay: 50 * time.Millisecond}
	calm   = weather{}
	slow   = weather{delay: 2 * time.Second}
	refuse = weather{refuse: true}
)

const slowDown = `<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>`

// proxy stands before the object store and makes its weather.
type proxy struct {
	server  *http.Server
	address string
	weather atomic.Pointer[weather]
}

// startProxy answers on a port of its own for the store at target, a
// host and port.
func startProxy(ctx context.Context, target string) (*proxy, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the proxy: %w", err)
	}
	p := &proxy{address: listener.Addr().String()}
	p.set(calm)
	pass := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", target
			r.Out.Host = r.In.Host // it is signed
		},
		Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64},
		// A store that is down resets connections; it does not answer 502.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	p.server = &http.Server{Handler: p.handler(pass), ReadHeaderTimeout: time.Minute}
	go func() { _ = p.server.Serve(listener) }() // close ends it
	return p, nil
}

func (p *proxy) handler(pass http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := p.weather.Load()
		if err := pause(r.Context(), now.delay); err != nil {
			panic(http.ErrAbortHandler)
		}
		if now.refuse {
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(slowDown)) // who has gone needs no answer
			return
		}
		pass.ServeHTTP(w, r)
	})
}

func (p *proxy) set(w weather) { p.weather.Store(&w) }

func (p *proxy) close() error {
	if err := p.server.Close(); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("stop the proxy: %w", err)
	}
	return nil
}

// pause returns after d, or with the reason why ctx has ended.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
