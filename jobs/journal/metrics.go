package journal

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-90096f4d/sluice/jobs"
)

// metrics count events.
type metrics struct {
	accepted   *prometheus.CounterVec
	ended      *prometheus.CounterVec
	duration   *prometheus.HistogramVec
	startDelay *prometheus.HistogramVec
	restarts   *prometheus.CounterVec
}

// newMetrics returns the metrics, with all their labels, registered if registry is not
// nil.
func newMetrics(registry prometheus.Registerer) *metrics {
	m := &metrics{
		accepted: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sluice_exports_accepted_total",
			Help: "Exports that this process has accepted.",
		}, []string{"level"}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sluice_exports_total",
			Help: "Exports that this process has completed, failed, cancelled before their end, or expired.",
		}, []string{"level", "outcome"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:                           "sluice_export_duration_seconds",
			Help:                           "Time from the kick-off to the end of completed exports.",
			Buckets:                        []float64{1, 5, 15, 60, 300, 900, 1800, 3600, 7200, 14400, 43200, 86400},
			NativeHistogramBucketFactor:    1.1,
			NativeHistogramMaxBucketNumber: 160,
		}, []string{"level"}),
		startDelay: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:                           "sluice_export_start_delay_seconds",
			Help:                           "Time from the kick-off until the export was planned and its first parts were queued.",
			Buckets:                        []float64{.1, .5, 1, 5, 15, 60, 300, 900, 3600},
			NativeHistogramBucketFactor:    1.1,
			NativeHistogramMaxBucketNumber: 160,
		}, []string{"level"}),
		restarts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sluice_export_restarts_total",
			Help: "Restarts of exports from another snapshot.",
		}, []string{"reason"}),
	}
	for _, level := range []jobs.Level{jobs.SystemLevel, jobs.PatientLevel, jobs.GroupLevel} {
		m.accepted.WithLabelValues(levelName(level))
		m.duration.WithLabelValues(levelName(level))
		m.startDelay.WithLabelValues(levelName(level))
		for _, outcome := range []jobs.EventKind{jobs.EventCompleted, jobs.EventFailed, jobs.EventCancelled, jobs.EventExpired} {
			m.ended.WithLabelValues(levelName(level), string(outcome))
		}
	}
	for _, reason := range jobs.RestartReasons() {
		m.restarts.WithLabelValues(string(reason))
	}
	if registry != nil {
		registry.MustRegister(m.accepted, m.ended, m.duration, m.startDelay, m.restarts)
	}
	return m
}

// count counts an event.
func (m *metrics) count(event jobs.Event) {
	level := levelName(event.Level)
	switch event.Kind {
	case jobs.EventAccepted:
		m.accepted.WithLabelValues(level).Inc()
	case jobs.EventStarted:
		if event.Generation == 1 {
			m.startDelay.WithLabelValues(level).Observe(event.Age.Seconds())
		}
	case jobs.EventRestarted:
		m.restarts.WithLabelValues(event.Reason).Inc()
	case jobs.EventCompleted:
		m.duration.WithLabelValues(level).Observe(event.Age.Seconds())
		m.ended.WithLabelValues(level, string(event.Kind)).Inc()
	case jobs.EventFailed, jobs.EventCancelled, jobs.EventExpired:
		m.ended.WithLabelValues(level, string(event.Kind)).Inc()
	}
}
