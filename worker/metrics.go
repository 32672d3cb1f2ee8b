package worker

import "github.com/prometheus/client_golang/prometheus"

// metrics are the metrics of a worker.
type metrics struct {
	fit     prometheus.Gauge
	waiting prometheus.Gauge
	waits   *prometheus.CounterVec
}

// newMetrics returns the metrics, registered if registry is not nil.
func newMetrics(registry prometheus.Registerer) *metrics {
	m := &metrics{
		fit: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sluice_worker_fit",
			Help: "1 while the worker takes jobs, 0 while its health check fails.",
		}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sluice_waiting_exports",
			Help: "Exports of all processes that wait because of an outage or for a worker.",
		}),
		waits: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sluice_export_waits_total",
			Help: "Waits of exports that this process has recorded, by reason.",
		}, []string{"reason"}),
	}
	if registry != nil {
		registry.MustRegister(m.fit, m.waiting, m.waits)
	}
	return m
}
