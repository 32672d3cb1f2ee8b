package worker

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-90096f4d/sluice/source"
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
	if oldest.IsZero() {
		h.metrics.oldestSnapshot.Set(0)
		return
	}
	h.metrics.oldestSnapshot.Set(float64(oldest.UnixMilli()) / 1000)
}

const (
	// xminCache is how long the age of the snapshots is cached: scrapes must not cause
	// load on the source database.
	xminCache = 10 * time.Second

	// xminTimeout bounds the query, and with it a scrape.
	xminTimeout = 2 * time.Second
)

// xminCollector is a prometheus.Collector that asks the source database for the age of
// the snapshots of all processes. While the database does not answer, it has no value.
type xminCollector struct {
	description *prometheus.Desc
	read        func(context.Context) (int64, error)

	mu  sync.Mutex
	at  time.Time
	age int64
	err error
}

func newXminCollector(read func(context.Context) (int64, error)) *xminCollector {
	return &xminCollector{read: read, description: prometheus.NewDesc("sluice_source_xmin_age_transactions",
		"Age of the oldest snapshot that sessions of Sluice hold in the source database; VACUUM keeps all rows deleted since.", nil, nil)}
}

// Describe implements prometheus.Collector.
func (c *xminCollector) Describe(to chan<- *prometheus.Desc) { to <- c.description }

// Collect implements prometheus.Collector.
func (c *xminCollector) Collect(to chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() || time.Since(c.at) >= xminCache {
		ctx, cancel := context.WithTimeout(context.Background(), xminTimeout)
		defer cancel()
		c.age, c.err = c.read(ctx)
		c.at = time.Now()
	}
	if c.err == nil {
		to <- prometheus.MustNewConstMetric(c.description, prometheus.GaugeValue, float64(c.age))
	}
}
