package api

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-90096f4d/sluice/ndjson"
)

// metrics count what synchronous dumps send. They contain numbers only, so GET
// /metrics requires no authentication.
type metrics struct {
	resources *prometheus.CounterVec
	bytes     *prometheus.CounterVec
	issues    *prometheus.CounterVec
}

func newMetrics(registry *prometheus.Registry) *metrics {
	counter := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"resource_type"})
	}
	m := &metrics{
		resources: counter("sluice_dump_resources_total", "Resources read by $dump."),
		bytes:     counter("sluice_dump_bytes_total", "Bytes sent by $dump, after compression."),
		issues:    counter("sluice_dump_issues_total", "Values that $dump could not convert to FHIR and sent as stored."),
	}
	registry.MustRegister(m.resources, m.bytes, m.issues)
	return m
}

// count adds a dump, complete or not. Only types with a table are counted, so
// clients cannot create labels.
func (m *metrics) count(resourceType string, result ndjson.Result) {
	m.resources.WithLabelValues(resourceType).Add(float64(result.Rows))
	m.bytes.WithLabelValues(resourceType).Add(float64(result.Bytes))
	m.issues.WithLabelValues(resourceType).Add(float64(result.Issues))
}
