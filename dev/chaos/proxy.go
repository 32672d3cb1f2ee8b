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

	"github.com/seed-90096f4d/sluice/dev/process"
)

// behavior is how the object store responds to the product.
type behavior struct {
	// delay precedes each response. It also makes exports last long enough for a fault
	// in the middle.
	delay time.Duration
	// refuse makes it respond with 503 SlowDown, as an overloaded store.
	refuse bool
}

var (
	normal      = behavior{delay: 50 * time.Millisecond}
	fast        = behavior{}
	slow        = behavior{delay: 2 * time.Second}
	unavailable = behavior{refuse: true}
)

const slowDown = `<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>`

// proxy forwards requests to the object store, with a behavior that can be changed.
type proxy struct {
	server   *http.Server
	address  string
	behavior atomic.Pointer[behavior]
}

// startProxy listens on a port of its own. target is the host and port of the store.
func startProxy(ctx context.Context, target string) (*proxy, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the proxy: %w", err)
	}
	p := &proxy{address: listener.Addr().String()}
	p.set(fast)
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", target
			r.Out.Host = r.In.Host // part of the signature
		},
		Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64},
		// A store that is down resets connections instead of responding with 502.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	p.server = &http.Server{Handler: p.handler(forward), ReadHeaderTimeout: time.Minute}
	go func() { _ = p.server.Serve(listener) }() // close ends it
	return p, nil
}

func (p *proxy) handler(forward http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := p.behavior.Load()
		if err := process.Sleep(r.Context(), now.delay); err != nil {
			panic(http.ErrAbortHandler)
		}
		if now.refuse {
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(slowDown)) // the client may have gone
			return
		}
		forward.ServeHTTP(w, r)
	})
}

func (p *proxy) set(b behavior) { p.behavior.Store(&b) }

func (p *proxy) close() error {
	if err := p.server.Close(); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("stop the proxy: %w", err)
	}
	return nil
}
