package worker

import "github.com/prometheus/client_golang/prometheus"

// metrics are what a worker measures.
type metrics struct {
	fit     prometheus.Gauge
	waiting prometheus.Gauge
	waits   *prometheus.CounterVec
}

// newMetrics registers the metrics where there is a registry.
func newMetrics(registry prometheus.Registerer) *metrics {
	m := &metrics{
		fit: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sluice_worker_fit",
			Help: "1 while the worker takes jobs, 0 while its own checks fail.",
		}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sluice_waiting_exports",
			Help: "Exports, of all processes, that wait for something that is away.",
		}),
		waits: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sluice_export_waits_total",
			Help: "Waits of exports that this process has begun, by reason.",
		}, []string{"reason"}),
	}
	if registry != nil {
		registry.MustRegister(m.fit, m.waiting, m.waits)
	}
	return m
}
