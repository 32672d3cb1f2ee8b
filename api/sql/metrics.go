package sql

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/table/pass"
)

// metrics count what runs of views read and send. They contain numbers only.
type metrics struct {
	resources *prometheus.CounterVec
	rows      *prometheus.CounterVec
	issues    *prometheus.CounterVec
	runs      *endpoint.StreamMetrics
}

func newMetrics(registry *prometheus.Registry) *metrics {
	factory := promauto.With(registry)
	var formats []string
	for _, format := range runFormats {
		formats = append(formats, string(format))
	}
	counter := func(name, help string) *prometheus.CounterVec {
		return factory.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"resource_type"})
	}
	return &metrics{
		resources: counter("sluice_run_resources_total", "Resources read by $sql-run."),
		rows:      counter("sluice_run_rows_total", "Rows sent by complete $sql-run requests."),
		issues:    counter("sluice_run_issues_total", "Values that $sql-run could not convert to FHIR."),
		runs: endpoint.NewStreamMetrics(registry, endpoint.StreamNames{
			Of:        "$sql-run requests",
			Ended:     "sluice_runs_total",
			Duration:  "sluice_run_duration_seconds",
			FirstByte: "sluice_run_first_byte_seconds",
			Formats:   formats,
		}),
	}
}

// count adds a run, complete or not. Only types with a table are counted, so clients
// cannot create labels.
func (m *metrics) count(resourceType string, result pass.Result) {
	m.resources.WithLabelValues(resourceType).Add(float64(result.Resources))
	m.issues.WithLabelValues(resourceType).Add(float64(result.Issues))
	for _, files := range result.Files {
		for _, file := range files {
			m.rows.WithLabelValues(resourceType).Add(float64(file.Rows))
		}
	}
}
