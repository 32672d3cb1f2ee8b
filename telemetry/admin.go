package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	headerTimeout   = 10 * time.Second
	shutdownTimeout = 5 * time.Second
)

// Admin is the HTTP server for operators:
//
//	GET /metrics       the metrics of the process in the formats of Prometheus
//	GET /health        200 while the process is alive, 503 with the reason while Alive returns an error
//	GET /ready         200 if all checks of Ready succeed, else 503 with the reasons
//	GET /debug/pprof/  profiles of the process (net/http/pprof)
//
// It requires no credentials, so the listener should be on loopback or on a network that
// is only reachable by operators and monitoring.
type Admin struct {
	// Alive returns an error while the process hangs, so that it should be restarted. It
	// must not depend on other services. It may be nil.
	Alive    func() error
	Logger   *slog.Logger
	Ready    *Readiness
	Registry *prometheus.Registry
}

// Serve serves requests on the listener until ctx ends.
func (a *Admin) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		ErrorLog:          slog.NewLogLogger(a.Logger.Handler(), slog.LevelWarn),
		Handler:           a.handler(),
		ReadHeaderTimeout: headerTimeout,
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	select {
	case err := <-served:
		return fmt.Errorf("telemetry: %w", err)
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("telemetry: %w", err), server.Close())
	}
	return nil
}

func (a *Admin) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", MetricsHandler(a.Registry))
	mux.HandleFunc("GET /health", a.health)
	mux.HandleFunc("GET /ready", func(w http.ResponseWriter, r *http.Request) {
		report := a.Ready.Report(r.Context())
		writeJSON(w, report.Status(), report)
	})
	// Not pprof.Cmdline: flags can have secrets.
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// health responds whether the process is alive.
func (a *Admin) health(w http.ResponseWriter, r *http.Request) {
	if a.Alive != nil {
		if err := a.Alive(); err != nil {
			a.Logger.ErrorContext(r.Context(), "not healthy", "error", err)
			writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "failing", "reason": err.Error()})
			return
		}
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// MetricsHandler returns a handler that serves the metrics of the registry. Exemplars are
// in the OpenMetrics format, native histograms in that of protocol buffers. A metric that
// cannot be collected does not keep the others back;
// promhttp_metric_handler_errors_total counts that.
func MetricsHandler(registry *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		EnableOpenMetrics: true, ErrorHandling: promhttp.ContinueOnError, Registry: registry,
	})
}

// Status returns the HTTP status of the report: 200 or 503.
func (r Report) Status() int {
	if r.Ready {
		return http.StatusOK
	}
	return http.StatusServiceUnavailable
}

func writeJSON(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(document) // the client has disconnected
}
