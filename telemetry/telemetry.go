// Package telemetry provides what the metrics of all components have in common, the
// readiness of a process, and an admin listener that serves both.
//
// A process creates one registry and one Readiness and passes them to its components,
// which register their metrics and checks. The package must not know these components:
// it imports no other package of Sluice.
package telemetry

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// NewRegistry returns a registry with the metrics of the Go runtime, of the process and its
// memory limit, and of the version of the program.
func NewRegistry(version string) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "sluice_build_info",
		Help:        "1, with the version of the program and of Go.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	build.Set(1)
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), build, newMemoryLimit())
	return registry
}
