// Package telemetry provides the metrics and the readiness of a process and an admin
// listener that serves both.
//
// A process creates one registry and one Readiness and passes them to its components,
// which register their metrics and checks. The package must not know these components:
// it imports no other package of Sluice.
package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// NewRegistry returns a registry with the metrics of the Go runtime and of the process.
func NewRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return registry
}
