package storage

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/seed-90096f4d/sluice/telemetry"
	"github.com/seed-90096f4d/sluice/telemetry/span"
)

// Codes of requests without a response.
const (
	codeCanceled = "canceled" // by Sluice
	codeError    = "error"
)

// metrics are the metrics of requests to the store. Their labels have neither keys nor
// queries.
type metrics struct {
	requests       *prometheus.CounterVec
	duration       *prometheus.HistogramVec
	sent, received prometheus.Counter
	uploads        prometheus.Gauge
}

// newMetrics returns the metrics, registered if registry is not nil.
func newMetrics(registry prometheus.Registerer) *metrics {
	factory := promauto.With(registry)
	m := &metrics{
		requests: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "sluice_store_requests_total",
			Help: "Requests to the object store, retries included, by operation of S3 and status of the response.",
		}, []string{"operation", "code"}),
		duration: factory.NewHistogramVec(telemetry.HistogramOpts("sluice_store_request_duration_seconds",
			"Time from sending a request to the object store to the header of its response.",
			.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30), []string{"operation"}),
		sent: factory.NewCounter(prometheus.CounterOpts{
			Name: "sluice_store_sent_bytes_total",
			Help: "Bytes of bodies sent to the object store, those of failed requests included.",
		}),
		received: factory.NewCounter(prometheus.CounterOpts{
			Name: "sluice_store_received_bytes_total",
			Help: "Bytes of bodies received from the object store.",
		}),
		uploads: factory.NewGauge(prometheus.GaugeOpts{
			Name: "sluice_uploads_in_flight",
			Help: "Uploads that were begun and are neither complete nor aborted.",
		}),
	}
	for _, operation := range operations {
		m.duration.WithLabelValues(operation)
		for _, code := range []string{"500", "503", codeError} { // for alerts
			m.requests.WithLabelValues(operation, code)
		}
	}
	return m
}

// The operations of S3 that are used; any other request is otherOperation.
var operations = []string{
	"AbortMultipartUpload", "CompleteMultipartUpload", "CreateMultipartUpload", "DeleteObject", "DeleteObjects",
	"GetObject", "HeadObject", "ListMultipartUploads", "ListObjectsV2", "ListParts", "UploadPart", otherOperation,
}

const otherOperation = "other"

// subresources are the operations by method and by the parameter that distinguishes them,
// which is empty for the object itself.
var subresources = []struct{ method, parameter, operation string }{
	{http.MethodPut, "uploadId", "UploadPart"},
	{http.MethodPost, "uploads", "CreateMultipartUpload"},
	{http.MethodPost, "uploadId", "CompleteMultipartUpload"},
	{http.MethodPost, "delete", "DeleteObjects"},
	{http.MethodDelete, "uploadId", "AbortMultipartUpload"},
	{http.MethodDelete, "", "DeleteObject"},
	{http.MethodHead, "", "HeadObject"},
	{http.MethodGet, "list-type", "ListObjectsV2"},
	{http.MethodGet, "uploads", "ListMultipartUploads"},
	{http.MethodGet, "uploadId", "ListParts"},
	{http.MethodGet, "location", otherOperation},
	{http.MethodGet, "", "GetObject"},
}

// operation returns the operation of S3 that a request is for.
func operation(method string, query url.Values) string {
	for _, s := range subresources {
		if s.method == method && (s.parameter == "" || query.Has(s.parameter)) {
			return s.operation
		}
	}
	return otherOperation
}

// meter is a transport that measures requests, and records those below a span.
type meter struct {
	http.RoundTripper

	metrics *metrics
}

// RoundTrip implements http.RoundTripper.
func (m meter) RoundTrip(request *http.Request) (*http.Response, error) {
	name := operation(request.Method, request.URL.Query())
	ctx, s := span.StartClient(request.Context(), name)
	start := time.Now()
	if s.IsRecording() {
		describe(s, request)
		request = request.WithContext(ctx)
	}
	response, err := m.RoundTripper.RoundTrip(request)
	endSpan(s, response, err)
	telemetry.Observe(request.Context(), m.metrics.duration.WithLabelValues(name), time.Since(start).Seconds())
	m.metrics.requests.WithLabelValues(name, responseCode(response, err)).Inc()
	if err != nil {
		return nil, err
	}
	response.Body = countedBody{response.Body, m.metrics.received}
	return response, nil
}

func responseCode(response *http.Response, err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return codeCanceled
	case err != nil:
		return codeError
	}
	return strconv.Itoa(response.StatusCode)
}

// countedBody is the body of a response whose bytes are counted.
type countedBody struct {
	io.ReadCloser

	bytes prometheus.Counter
}

// Read implements io.Reader.
func (b countedBody) Read(p []byte) (n int, err error) {
	n, err = b.ReadCloser.Read(p)
	b.bytes.Add(float64(n))
	return n, err
}
