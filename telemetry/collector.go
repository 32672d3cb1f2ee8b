package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// collectorCache is how long the result of a Collector is cached, so that scrapes
	// of several servers cost one query.
	collectorCache = 10 * time.Second

	// collectorTimeout is the timeout of a query, well below the timeout of a scrape.
	collectorTimeout = 2 * time.Second
)

// Query reads the values of metrics from a database.
type Query func(context.Context) ([]prometheus.Metric, error)

// Collector is a prometheus.Collector of metrics that a query reads from a database. A
// query that fails leaves its metrics out, and a failure is cached as a result is. It
// also exports its own duration, errors and last success, with its name as the label
// collector.
type Collector struct {
	name   string
	logger *slog.Logger
	descs  []*prometheus.Desc
	query  Query

	duration, errors, success *prometheus.Desc

	mu          sync.Mutex
	at          time.Time // when the query last ended
	metrics     []prometheus.Metric
	took        time.Duration
	failures    int
	failing     bool
	succeededAt time.Time
}

// NewCollector returns a Collector of the metrics with these descriptions.
func NewCollector(name string, logger *slog.Logger, query Query, descs ...*prometheus.Desc) *Collector {
	own := func(metric, help string) *prometheus.Desc {
		return prometheus.NewDesc(metric, help, nil, prometheus.Labels{"collector": name})
	}
	return &Collector{
		name:     name,
		logger:   logger,
		descs:    descs,
		query:    query,
		duration: own("sluice_collector_duration_seconds", "Duration of the last query for metrics that are read from a database."),
		errors:   own("sluice_collector_errors_total", "Failed queries for metrics that are read from a database; their metrics are left out."),
		success:  own("sluice_collector_last_success_timestamp_seconds", "Time of the last successful query for metrics that are read from a database (0 = none yet)."),
	}
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range c.descs {
		descs <- desc
	}
	descs <- c.duration
	descs <- c.errors
	descs <- c.success
}

// Collect implements prometheus.Collector. Concurrent callers wait for the running query.
func (c *Collector) Collect(metrics chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() || time.Since(c.at) >= collectorCache {
		c.run()
	}
	for _, metric := range c.metrics {
		metrics <- metric
	}
	metrics <- prometheus.MustNewConstMetric(c.duration, prometheus.GaugeValue, c.took.Seconds())
	metrics <- prometheus.MustNewConstMetric(c.errors, prometheus.CounterValue, float64(c.failures))
	metrics <- prometheus.MustNewConstMetric(c.success, prometheus.GaugeValue, Timestamp(c.succeededAt))
}

// run runs the query. It logs the first of several failures in a row.
func (c *Collector) run() {
	ctx, cancel := context.WithTimeout(context.Background(), collectorTimeout)
	defer cancel()
	start := time.Now()
	metrics, err := c.query(ctx)
	c.at = time.Now()
	c.took = c.at.Sub(start)
	if err == nil {
		c.metrics, c.failing, c.succeededAt = metrics, false, c.at
		return
	}
	c.metrics = nil
	c.failures++
	if !c.failing {
		c.failing = true
		c.logger.WarnContext(ctx, "could not collect metrics", "collector", c.name, "error", err)
	}
}

// Timestamp returns a time as the value of a metric in seconds. The zero time, which is
// never, is 0.
func Timestamp(at time.Time) float64 {
	if at.IsZero() {
		return 0
	}
	return float64(at.UnixMicro()) / 1e6
}
