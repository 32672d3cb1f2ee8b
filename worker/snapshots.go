package worker

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/telemetry"
)

// heldSnapshots are the snapshots that a process holds for exports.
type heldSnapshots struct {
	metrics *metrics

	mu    sync.Mutex
	taken map[*source.Snapshot]time.Time
}

func newHeldSnapshots(m *metrics) *heldSnapshots {
	return &heldSnapshots{metrics: m, taken: map[*source.Snapshot]time.Time{}}
}

// add adds a snapshot that was taken at a time.
func (h *heldSnapshots) add(snapshot *source.Snapshot, taken time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.taken[snapshot] = taken
	h.update()
}

// close removes the snapshot and releases it, also when ctx has ended. If the server does
// not answer, the broken connection releases it.
func (h *heldSnapshots) close(ctx context.Context, snapshot *source.Snapshot) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = snapshot.Close(ctx)

	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.taken, snapshot)
	h.update()
}

// update sets the metrics. The caller holds the lock.
func (h *heldSnapshots) update() {
	var oldest time.Time
	for _, taken := range h.taken {
		if oldest.IsZero() || taken.Before(oldest) {
			oldest = taken
		}
	}
	h.metrics.snapshots.Set(float64(len(h.taken)))
	h.metrics.oldestSnapshot.Set(telemetry.Timestamp(oldest))
}

// newXminCollector returns a collector of the age of the snapshots of all processes.
func newXminCollector(logger *slog.Logger, from *source.Source) *telemetry.Collector {
	age := prometheus.NewDesc("sluice_source_xmin_age_transactions",
		"Age of the oldest snapshot that sessions of Sluice hold in the source database; VACUUM keeps all rows deleted since.", nil, nil)
	return telemetry.NewCollector("source", logger, func(ctx context.Context) ([]prometheus.Metric, error) {
		transactions, err := from.XminAge(ctx)
		if err != nil {
			return nil, err
		}
		return []prometheus.Metric{prometheus.MustNewConstMetric(age, prometheus.GaugeValue, float64(transactions))}, nil
	}, age)
}
