package api

import (
	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/seed-90096f4d/sluice/dump"
)

// metrics count what synchronous dumps give away. They tell numbers alone, so
// GET /metrics needs no client.
type metrics struct {
	registry  *prometheus.Registry
	resources *prometheus.CounterVec
	bytes     *prometheus.CounterVec
	issues    *prometheus.CounterVec
}

func newMetrics() *metrics {
	counter := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"resource_type"})
	}
	m := &metrics{
		registry:  prometheus.NewRegistry(),
		resources: counter("sluice_dump_resources_total", "Resources that $dump has read."),
		bytes:     counter("sluice_dump_bytes_total", "Bytes that $dump has sent, after compression."),
		issues:    counter("sluice_dump_issues_total", "Things that $dump could not convert to FHIR and sent as stored."),
	}
	m.registry.MustRegister(m.resources, m.bytes, m.issues,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// count adds a dump, whole or broken. Only types that have a table come here,
// so clients can't make up labels.
func (m *metrics) count(resourceType string, result dump.Result) {
	m.resources.WithLabelValues(resourceType).Add(float64(result.Rows))
	m.bytes.WithLabelValues(resourceType).Add(float64(result.Bytes))
	m.issues.WithLabelValues(resourceType).Add(float64(result.Issues))
}

// handler answers GET /metrics in the format of Prometheus.
func (m *metrics) handler() gin.HandlerFunc {
	return gin.WrapH(promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
}
