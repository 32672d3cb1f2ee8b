package telemetry

import (
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// newMemoryLimit returns a gauge of the limit beyond which Linux ends the process.
func newMemoryLimit() prometheus.Collector {
	system := os.DirFS("/")
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "sluice_memory_limit_bytes",
		Help: "Memory limit of the container or systemd unit that the process runs in; 0 means none.",
	}, func() float64 { return float64(memoryLimit(system)) })
}

// memoryLimit returns the least memory.max of the control group of the process and those
// above it (cgroups(7), version 2), or 0 if there is none.
func memoryLimit(system fs.FS) (limit int64) {
	groups, err := fs.ReadFile(system, "proc/self/cgroup")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(groups)) {
		group, ok := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if !ok {
			continue
		}
		for ; ; group = path.Dir(group) {
			text, _ := fs.ReadFile(system, path.Join("sys/fs/cgroup", group, "memory.max")) // a container may not see it
			bytes, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)         // or max
			if err == nil && (limit == 0 || bytes < limit) {
				limit = bytes
			}
			if group == "/" || group == "." {
				break
			}
		}
	}
	return limit
}
