package journal

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/telemetry"
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
	factory := promauto.With(registry)
	m := &metrics{
		accepted: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "sluice_exports_accepted_total",
			Help: "Exports that this process has accepted.",
		}, []string{"level"}),
		ended: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "sluice_exports_total",
			Help: "Exports that this process has completed, failed, cancelled before their end, or expired.",
		}, []string{"level", "outcome"}),
		duration: factory.NewHistogramVec(telemetry.HistogramOpts("sluice_export_duration_seconds",
			"Time from the kick-off to the end of completed exports.",
			1, 5, 15, 60, 300, 900, 1800, 3600, 7200, 14400, 43200, 86400), []string{"level"}),
		startDelay: factory.NewHistogramVec(telemetry.HistogramOpts("sluice_export_start_delay_seconds",
			"Time from the kick-off until the export was planned and its first parts were queued.",
			.1, .5, 1, 5, 15, 60, 300, 900, 3600), []string{"level"}),
		restarts: factory.NewCounterVec(prometheus.CounterOpts{
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
	return m
}

// count counts an event.
func (m *metrics) count(ctx context.Context, event jobs.Event) {
	level := levelName(event.Level)
	switch event.Kind {
	case jobs.EventAccepted:
		m.accepted.WithLabelValues(level).Inc()
	case jobs.EventStarted:
		if event.Generation == 1 {
			telemetry.Observe(ctx, m.startDelay.WithLabelValues(level), event.Age.Seconds())
		}
	case jobs.EventRestarted:
		m.restarts.WithLabelValues(event.Reason).Inc()
	case jobs.EventCompleted:
		telemetry.Observe(ctx, m.duration.WithLabelValues(level), event.Age.Seconds())
		m.ended.WithLabelValues(level, string(event.Kind)).Inc()
	case jobs.EventFailed, jobs.EventCancelled, jobs.EventExpired:
		m.ended.WithLabelValues(level, string(event.Kind)).Inc()
	}
}
