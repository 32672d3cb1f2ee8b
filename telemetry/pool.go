package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// PoolStats are the statistics of a pool of database connections.
type PoolStats struct {
	// Acquired, Idle and Constructing are the current connections, Limit their maximum.
	Acquired, Idle, Constructing, Limit int

	// Acquires counts the connections that were acquired, Waits those that had to be
	// waited for, and Waited is the time that took.
	Acquires, Waits int64
	Waited          time.Duration
}

var (
	poolConnections = poolDesc("sluice_pool_connections", "Connections to a database.", "state")
	poolLimit       = poolDesc("sluice_pool_connections_limit", "Maximum number of connections to a database.")
	poolAcquires    = poolDesc("sluice_pool_acquires_total", "Connections acquired from a pool.")
	poolWaits       = poolDesc("sluice_pool_waits_total", "Connections that had to be waited for, because none was idle.")
	poolWaited      = poolDesc("sluice_pool_wait_seconds_total", "Time spent waiting for connections of a pool.")
)

func poolDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, append([]string{"pool"}, labels...), nil)
}

// Pools collects the statistics of pools by the pools' names. Its functions are called at
// each scrape, so they must not wait for a database.
type Pools map[string]func() PoolStats

// Describe implements prometheus.Collector.
func (Pools) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{poolConnections, poolLimit, poolAcquires, poolWaits, poolWaited} {
		descs <- desc
	}
}

// Collect implements prometheus.Collector.
func (p Pools) Collect(metrics chan<- prometheus.Metric) {
	for name, read := range p {
		stats := read()
		gauge := func(desc *prometheus.Desc, value int, labels ...string) {
			metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(value), append([]string{name}, labels...)...)
		}
		counter := func(desc *prometheus.Desc, value float64) {
			metrics <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, value, name)
		}
		gauge(poolConnections, stats.Acquired, "acquired")
		gauge(poolConnections, stats.Idle, "idle")
		gauge(poolConnections, stats.Constructing, "constructing")
		gauge(poolLimit, stats.Limit)
		counter(poolAcquires, float64(stats.Acquires))
		counter(poolWaits, float64(stats.Waits))
		counter(poolWaited, stats.Waited.Seconds())
	}
}
