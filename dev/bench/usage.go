package bench

import (
	"fmt"
	"os"
	"runtime"

	"github.com/prometheus/procfs"
)

// Only Linux reports the resource usage of other processes. Elsewhere it is zero.
const hasUsage = runtime.GOOS == "linux"

// ticksPerSecond is the unit of the times in /proc on all platforms of Go.
const ticksPerSecond = 100

// cpuSeconds returns the processor time of a process and all its children, including
// those that have exited.
func cpuSeconds(pid int) (float64, error) {
	if !hasUsage {
		return 0, nil
	}
	all, err := procfs.AllProcs()
	if err != nil {
		return 0, fmt.Errorf("list the processes: %w", err)
	}
	var ticks float64
	for _, process := range all {
		stat, err := process.Stat()
		if err != nil {
			continue // it has exited
		}
		if stat.PID == pid {
			ticks += float64(stat.CUTime + stat.CSTime)
		}
		if stat.PID == pid || stat.PPID == pid {
			ticks += float64(stat.UTime + stat.STime)
		}
	}
	return ticks / ticksPerSecond, nil
}

// resetPeak sets the peak of a process's memory to its current size.
func resetPeak(pid int) error {
	if !hasUsage {
		return nil
	}
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0o200); err != nil {
		return fmt.Errorf("reset the peak of memory: %w", err)
	}
	return nil
}

// peakBytes returns the maximum resident memory of a process since resetPeak.
func peakBytes(pid int) (int64, error) {
	if !hasUsage {
		return 0, nil
	}
	process, err := procfs.NewProc(pid)
	if err != nil {
		return 0, fmt.Errorf("read the peak of memory: %w", err)
	}
	status, err := process.NewStatus()
	if err != nil {
		return 0, fmt.Errorf("read the peak of memory: %w", err)
	}
	return int64(status.VmHWM), nil
}
