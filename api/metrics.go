package api

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-90096f4d/sluice/ndjson"
)

// metrics count what synchronous dumps give away. They tell numbers alone, so
// GET /metrics needs no client.
type metrics struct {
	resources *prometheus.CounterVec
	bytes     *prometheus.CounterVec
	issues    *prometheus.CounterVec
}

// newMetrics registers the metrics.
func newMetrics(registry *prometheus.Registry) *metrics {
	counter := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"resource_type"})
	}
	m := &metrics{
		resources: counter("sluice_dump_resources_total", "Resources that $dump has read."),
		bytes:     counter("sluice_dump_bytes_total", "Bytes that $dump has sent, after compression."),
		issues:    counter("sluice_dump_issues_total", "Things that $dump could not convert to FHIR and sent as stored."),
	}
	registry.MustRegister(m.resources, m.bytes, m.issues)
	return m
}

// count adds a dump, whole or broken. Only types that have a table come here,
// so clients can't make up labels.
func (m *metrics) count(resourceType string, result ndjson.Result) {
	m.resources.WithLabelValues(resourceType).Add(float64(result.Rows))
	m.bytes.WithLabelValues(resourceType).Add(float64(result.Bytes))
	m.issues.WithLabelValues(resourceType).Add(float64(result.Issues))
}
