package telemetry

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
)

const traceID = "4bf92f3577b34da6a3ce929d0e0e4736"

// traced returns a context of a trace.
func traced(t *testing.T, flags trace.TraceFlags) context.Context {
	t.Helper()
	id, err := trace.TraceIDFromHex(traceID)
	require.NoError(t, err)
	return trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: trace.SpanID{1}, TraceFlags: flags}))
}

// scrape returns the metrics of a registry in a format.
func scrape(t *testing.T, registry *prometheus.Registry, accept string) string {
	t.Helper()
	recorder, request := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody)
	request.Header.Set("Accept", accept)
	(&Admin{Logger: slog.New(slog.DiscardHandler), Registry: registry}).handler().ServeHTTP(recorder, request)
	require.Equal(t, http.StatusOK, recorder.Code)
	return recorder.Body.String()
}

// Histograms have classic buckets, native ones, and the trace as an exemplar.
func TestObserve(t *testing.T) {
	t.Parallel()
	registry := NewRegistry("v1")
	histogram := promauto.With(registry).NewHistogram(HistogramOpts("x_seconds", "X.", 1, 2))
	Observe(t.Context(), histogram, .5)
	Observe(traced(t, 0), histogram, .5) // not sampled
	require.NotContains(t, scrape(t, registry, "application/openmetrics-text"), traceID)
	Observe(traced(t, trace.FlagsSampled), histogram, 1.5)

	require.Contains(t, scrape(t, registry, "application/openmetrics-text"), `x_seconds_bucket{le="2.0"} 3 # {trace_id="`+traceID+`"} 1.5`)
	require.Contains(t, scrape(t, registry, "text/plain"), `x_seconds_bucket{le="1"} 2`)
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() == "x_seconds" {
			require.NotEmpty(t, family.GetMetric()[0].GetHistogram().GetPositiveSpan(), "a native histogram")
		}
	}
	require.Contains(t, scrape(t, registry, "text/plain"), `sluice_build_info{goversion="go`)
}

// A collector that fails does not keep the other metrics back.
func TestFailingCollector(t *testing.T) {
	t.Parallel()
	registry := NewRegistry("v1")
	registry.MustRegister(failing{})
	scrape(t, registry, "text/plain")
	got := scrape(t, registry, "text/plain")
	require.Contains(t, got, "sluice_build_info")
	require.Contains(t, got, `promhttp_metric_handler_errors_total{cause="gathering"} 1`)
}

// failing is a collector that fails.
type failing struct{}

var failingDesc = prometheus.NewDesc("x", "X.", nil, nil)

func (failing) Describe(descs chan<- *prometheus.Desc) { descs <- failingDesc }

func (failing) Collect(metrics chan<- prometheus.Metric) {
	metrics <- prometheus.NewInvalidMetric(failingDesc, errors.New("x"))
}

// Observing costs no allocation without a trace.
func TestObserveAllocates(t *testing.T) { //nolint:paralleltest // counts allocations
	histogram := promauto.With(nil).NewHistogram(HistogramOpts("x_seconds", "X.", 1, 2))
	ctx := t.Context()
	require.Zero(t, testing.AllocsPerRun(100, func() { Observe(ctx, histogram, .5) }))
}

func TestCountMessages(t *testing.T) {
	t.Parallel()
	registry, written := prometheus.NewRegistry(), &strings.Builder{}
	logger := slog.New(CountMessages(registry, slog.NewTextHandler(written, &slog.HandlerOptions{Level: slog.LevelWarn})))
	logger.Info("a")
	logger.With("k", "v").Warn("b")
	logger.WithGroup("g").Error("c", "k", "v")
	logger.Error("d")
	require.NotContains(t, written.String(), "msg=a")
	require.Contains(t, written.String(), "level=WARN msg=b k=v")
	require.Contains(t, written.String(), "level=ERROR msg=c g.k=v")
	require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP sluice_log_messages_total Lines of the log of level warn and error.
# TYPE sluice_log_messages_total counter
sluice_log_messages_total{level="error"} 2
sluice_log_messages_total{level="warn"} 1
`)))
}

func TestPools(t *testing.T) {
	t.Parallel()
	stats := PoolStats{Acquired: 1, Idle: 2, Constructing: 3, Limit: 9, Acquires: 10, Waits: 4, Waited: 1500 * time.Millisecond}
	pools := Pools{"state": func() PoolStats { return stats }}
	require.NoError(t, testutil.CollectAndCompare(pools, strings.NewReader(`
# HELP sluice_pool_acquires_total Connections acquired from a pool.
# TYPE sluice_pool_acquires_total counter
sluice_pool_acquires_total{pool="state"} 10
# HELP sluice_pool_connections Connections to a database.
# TYPE sluice_pool_connections gauge
sluice_pool_connections{pool="state",state="acquired"} 1
sluice_pool_connections{pool="state",state="constructing"} 3
sluice_pool_connections{pool="state",state="idle"} 2
# HELP sluice_pool_connections_limit Maximum number of connections to a database.
# TYPE sluice_pool_connections_limit gauge
sluice_pool_connections_limit{pool="state"} 9
# HELP sluice_pool_wait_seconds_total Time spent waiting for connections of a pool.
# TYPE sluice_pool_wait_seconds_total counter
sluice_pool_wait_seconds_total{pool="state"} 1.5
# HELP sluice_pool_waits_total Connections that had to be waited for, because none was idle.
# TYPE sluice_pool_waits_total counter
sluice_pool_waits_total{pool="state"} 4
`)))
	problems, err := testutil.CollectAndLint(pools)
	require.NoError(t, err)
	require.Empty(t, problems)
}

// The admin listener serves profiles, but not the command line, which can have secrets.
func TestProfiles(t *testing.T) {
	t.Parallel()
	handler := (&Admin{Logger: slog.New(slog.DiscardHandler), Registry: NewRegistry("v1"), Ready: NewReadiness(slog.New(slog.DiscardHandler), Check{"x", func(context.Context) error { return errors.New("x") }})}).handler()
	for path, want := range map[string]int{
		"/debug/pprof/":                  http.StatusOK,
		"/debug/pprof/heap":              http.StatusOK,
		"/debug/pprof/goroutine?debug=1": http.StatusOK,
		"/debug/pprof/cmdline":           http.StatusNotFound,
		"/debug/pprof/symbol":            http.StatusOK,
		"/debug/pprof/trace?seconds=.01": http.StatusOK,
		"/health":                        http.StatusOK,
		"/ready":                         http.StatusServiceUnavailable,
		"/":                              http.StatusNotFound,
	} {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
		require.Equal(t, want, recorder.Code, path)
		body, err := io.ReadAll(recorder.Body)
		require.NoError(t, err)
		require.NotContains(t, string(body), "telemetry.test", path)
	}
}
