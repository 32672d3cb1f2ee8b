// Package telemetry tells the outside how a process is doing: its metrics, its
// readiness, and an admin listener that serves both.
//
// A process makes one registry and one Readiness and hands them to its parts,
// which register what they measure. The package must not know what those parts
// are: it imports none of Sluice's own.
package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// NewRegistry returns a registry that has the metrics of the Go runtime and of
// the process.
func NewRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return registry
}
