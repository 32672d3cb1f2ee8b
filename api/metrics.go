package api

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/audit"
	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/auth/smart"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/telemetry"
)

// metrics are the metrics of requests. They tell nothing about clients or resources but
// numbers, so GET /metrics requires no authentication.
type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	refusals *prometheus.CounterVec
	logins   *prometheus.CounterVec

	dumps     *endpoint.StreamMetrics
	resources *prometheus.CounterVec
	bytes     *prometheus.CounterVec
	issues    *prometheus.CounterVec
}

func newMetrics(registry prometheus.Registerer, streams *endpoint.Streams, clients *auth.Clients) *metrics {
	factory := promauto.With(registry)
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return factory.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	gauge := func(name, help string, value func() int) {
		factory.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(value()) })
	}
	gauge("sluice_dumps_running", "Dumps and $sql-run requests that are being answered.", streams.Running)
	gauge("sluice_dumps_limit", "Maximum number of concurrent dumps and $sql-run requests.", streams.Max)
	gauge("sluice_auth_hash_waiting", "Logins that wait until others have been verified.", clients.Waiting)
	m := &metrics{
		requests: counter("sluice_http_requests_total", "Requests that were answered, by route, method and status.", "route", "method", "code"),
		duration: factory.NewHistogramVec(telemetry.HistogramOpts("sluice_http_request_duration_seconds",
			"Time to answer requests, except dumps, $sql-run and files, by route.",
			.005, .01, .02, .05, .1, .25, .5, 1, 2.5, 5, 10), []string{"route"}),
		inFlight: factory.NewGauge(prometheus.GaugeOpts{Name: "sluice_http_requests_in_flight", Help: "Requests that are being answered."}),
		refusals: counter("sluice_refusals_total", "Requests that were refused, by reason.", "reason"),
		logins:   counter("sluice_auth_total", "Logins and uses of access tokens, by method and outcome.", "method", "outcome"),
		dumps: endpoint.NewStreamMetrics(registry, endpoint.StreamNames{
			Of:        "Dumps",
			Ended:     "sluice_dumps_total",
			Duration:  "sluice_dump_duration_seconds",
			FirstByte: "sluice_dump_first_byte_seconds",
			Formats:   []string{aidboxFormat, fhirFormat},
		}),
		resources: counter("sluice_dump_resources_total", "Resources read by $dump.", "resource_type"),
		bytes:     counter("sluice_dump_bytes_total", "Bytes sent by $dump, after compression.", "resource_type"),
		issues:    counter("sluice_dump_issues_total", "Values that $dump could not convert to FHIR and sent as stored.", "resource_type"),
	}
	for _, reason := range problem.Reasons {
		m.refusals.WithLabelValues(string(reason))
	}
	for _, method := range []string{assertionLogin, basicLogin, bearerLogin} {
		for _, outcome := range []string{loginOK, loginRefused, loginLimit, loginBusy, loginError} {
			m.logins.WithLabelValues(method, outcome)
		}
	}
	return m
}

// prepare creates the counters of failures of all routes, so that the first one of each
// is not missed.
func (m *metrics) prepare(routes gin.RoutesInfo) {
	for _, route := range routes {
		for _, status := range []int{http.StatusInternalServerError, http.StatusServiceUnavailable} {
			m.requests.WithLabelValues(route.Path, route.Method, strconv.Itoa(status))
		}
	}
}

// other is the label of what a client can choose freely.
const other = "other"

var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}

// measure counts a request when it has ended, however it ends. A response that was cut
// off has the status with which it began.
func (a *API) measure(c *gin.Context) {
	start := time.Now()
	a.metrics.inFlight.Inc()
	defer func() {
		a.metrics.inFlight.Dec()
		route, method := c.FullPath(), c.Request.Method
		if route == "" {
			route = other
		}
		if !slices.Contains(methods, method) {
			method = other
		}
		a.metrics.requests.WithLabelValues(route, method, strconv.Itoa(c.Writer.Status())).Inc()
		if !streams(c) {
			telemetry.Observe(c.Request.Context(), a.metrics.duration.WithLabelValues(route), time.Since(start).Seconds())
		}
	}()
	c.Next()
}

// streams reports whether the duration of a request depends on the size of its response.
func streams(c *gin.Context) bool {
	value, _ := c.Get(keyEvent)
	event, ok := value.(*audit.Event)
	return ok && (event.Action == audit.Dump || event.Action == audit.Run || event.Action == audit.Download)
}

// countDump adds a dump, complete or not. Only types with a table are counted, so
// clients cannot create labels.
func (m *metrics) countDump(resourceType string, result ndjson.Result) {
	m.resources.WithLabelValues(resourceType).Add(float64(result.Rows))
	m.bytes.WithLabelValues(resourceType).Add(float64(result.Bytes))
	m.issues.WithLabelValues(resourceType).Add(float64(result.Issues))
}

// countRefusal counts a refused request. An empty reason is not counted.
func (m *metrics) countRefusal(reason problem.Reason) {
	if reason != "" {
		m.refusals.WithLabelValues(string(reason)).Inc()
	}
}

// The methods and outcomes of logins.
const (
	assertionLogin = "assertion"
	basicLogin     = "basic"
	bearerLogin    = "bearer"

	loginOK      = "ok"
	loginRefused = "refused"
	loginLimit   = "limited" // too many have failed
	loginBusy    = "busy"    // too many are being verified
	loginError   = "error"   // of the server
)

// countLogin counts a login that has ended with err.
func (m *metrics) countLogin(method string, err error) {
	m.logins.WithLabelValues(method, loginOutcome(err)).Inc()
}

func loginOutcome(err error) string {
	var limited *auth.LimitError
	var grant *smart.GrantError
	switch {
	case err == nil:
		return loginOK
	case errors.As(err, &limited) && limited.Busy:
		return loginBusy
	case limited != nil:
		return loginLimit
	case errors.Is(err, auth.ErrBadCredentials):
		return loginRefused
	case !errors.As(err, &grant):
		return loginError
	case grant.Code == smart.InvalidScope: // of a client that was authenticated
		return loginOK
	}
	return loginRefused
}
