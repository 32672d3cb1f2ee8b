package audit

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are the metrics of storing events in the bucket.
type metrics struct {
	dropped    prometheus.Counter
	lastStored prometheus.Gauge
}

// newMetrics returns the metrics, registered if registry is not nil.
func newMetrics(registry prometheus.Registerer, waiting func() int) metrics {
	factory := promauto.With(registry)
	factory.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "sluice_audit_events_waiting",
		Help: "Audit events that are not stored in the bucket yet.",
	}, func() float64 { return float64(waiting()) })
	return metrics{
		dropped: factory.NewCounter(prometheus.CounterOpts{
			Name: "sluice_audit_events_dropped_total",
			Help: "Audit events that are in the log only, because too many waited for the bucket.",
		}),
		lastStored: factory.NewGauge(prometheus.GaugeOpts{
			Name: "sluice_audit_last_stored_timestamp_seconds",
			Help: "When audit events were last stored in the bucket; 0 means not since the process started.",
		}),
	}
}
