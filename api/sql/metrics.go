package sql

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/seed-90096f4d/sluice/table/pass"
)

// metrics count what runs of views read and send. They contain numbers only.
type metrics struct {
	resources *prometheus.CounterVec
	rows      *prometheus.CounterVec
	issues    *prometheus.CounterVec
}

func newMetrics(registry *prometheus.Registry) *metrics {
	factory := promauto.With(registry)
	counter := func(name, help string) *prometheus.CounterVec {
		return factory.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"resource_type"})
	}
	return &metrics{
		resources: counter("sluice_run_resources_total", "Resources read by $sql-run."),
		rows:      counter("sluice_run_rows_total", "Rows sent by complete $sql-run requests."),
		issues:    counter("sluice_run_issues_total", "Values that $sql-run could not convert to FHIR."),
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
