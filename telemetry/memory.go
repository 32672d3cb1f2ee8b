package telemetry

import (
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

const mount = "sys/fs/cgroup" // of control groups

// newMemoryLimit returns a gauge of the memory that the process may use.
func newMemoryLimit() prometheus.Collector {
	root := os.DirFS("/")
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "sluice_memory_limit_bytes",
		Help: "Memory that the control group of the process may use (0 = unlimited or unknown).",
	}, func() float64 { return memoryLimit(root) })
}

// memoryLimit returns the lowest limit of the process' control group and its parents, or 0
// without any. It reads control groups of version 2, as Linux mounts them.
func memoryLimit(root fs.FS) (limit float64) {
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(groups)) {
		group, ok := strings.CutPrefix(strings.TrimSpace(line), "0::/")
		if !ok {
			continue // a hierarchy of version 1
		}
		for dir := path.Join(mount, group); strings.HasPrefix(dir, mount); dir = path.Dir(dir) {
			content, err := fs.ReadFile(root, dir+"/memory.max")
			if err != nil {
				continue // the root has no limit
			}
			bytes, err := strconv.ParseFloat(strings.TrimSpace(string(content)), 64)
			if err == nil && (limit == 0 || bytes < limit) { // "max" is no number
				limit = bytes
			}
		}
	}
	return limit
}
