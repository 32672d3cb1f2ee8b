package cli

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/telemetry"
)

// registerMetrics registers the metrics that every process has. clients adds those with a
// label for the client.
func (s *service) registerMetrics(clients bool) {
	factory := promauto.With(s.registry)
	if clients {
		s.clientResources = factory.NewCounterVec(prometheus.CounterOpts{
			Name: "sluice_client_resources_total",
			Help: "Resources or rows by client: sent by $dump (via dump) and $sql-run (run), and in the files of completed exports (export).",
		}, []string{"client", "via"})
	}
	factory.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "sluice_state_clock_offset_seconds",
		Help: "How far the clock of the state database is ahead of the clock of the process.",
	}, func() float64 { return s.clock.Offset().Seconds() })
	factory.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "sluice_source_jsonb_stored",
		Help: "1 while resources are read in the stored form of jsonb, 0 while they are read as text.",
	}, func() float64 {
		if s.source.Form().Stored {
			return 1
		}
		return 0
	})
	factory.NewCounterFunc(prometheus.CounterOpts{
		Name: "sluice_read_throttled_seconds_total",
		Help: "Time that scans have waited because of SLUICE_READ_BYTES_PER_SECOND, added over all scans.",
	}, func() float64 { return s.source.Throttled().Seconds() })
	s.registry.MustRegister(telemetry.Pools{
		"state":  func() telemetry.PoolStats { return poolStats(s.state.Stat()) },
		"source": func() telemetry.PoolStats { return telemetry.PoolStats(s.source.PoolStats()) },
	})
}

// observe logs and counts an event of an export.
func (s *service) observe(ctx context.Context, event jobs.Event) {
	s.journal.Observe(ctx, event)
	if s.clientResources != nil && event.Kind == jobs.EventCompleted {
		s.clientResources.WithLabelValues(event.ClientID, "export").Add(float64(event.Totals.Resources))
	}
}

func poolStats(stat *pgxpool.Stat) telemetry.PoolStats {
	return telemetry.PoolStats{
		Acquired:     int(stat.AcquiredConns()),
		Idle:         int(stat.IdleConns()),
		Constructing: int(stat.ConstructingConns()),
		Limit:        int(stat.MaxConns()),
		Acquires:     stat.AcquireCount(),
		Waits:        stat.EmptyAcquireCount(),
		Waited:       stat.EmptyAcquireWaitTime(),
	}
}
