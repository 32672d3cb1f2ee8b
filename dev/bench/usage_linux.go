package bench

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// ticksPerSecond is the unit of /proc's times, the same on all that Go runs on.
const ticksPerSecond = 100

// The fields of /proc/<pid>/stat, counted behind the name.
const (
	statUser     = 11
	statSystem   = 12
	statChildren = 13 // and 14: the times of children that have ended
)

// cpuSeconds returns the processor time of a process and all its children, including
// those that have exited.
func cpuSeconds(pid int) (float64, error) {
	own, err := stat(pid)
	if err != nil {
		return 0, err
	}
	ticks := own[statUser] + own[statSystem] + own[statChildren] + own[statChildren+1]
	for _, child := range children(pid) {
		// One that has ended meanwhile is among those that have ended.
		if times, err := stat(child); err == nil {
			ticks += times[statUser] + times[statSystem]
		}
	}
	return float64(ticks) / ticksPerSecond, nil
}

// children are the processes that a process has started.
func children(pid int) (all []int) {
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return nil
	}
	for _, thread := range threads {
		list, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, thread.Name()))
		if err != nil {
			continue
		}
		for _, field := range strings.Fields(string(list)) {
			if child, err := strconv.Atoi(field); err == nil {
				all = append(all, child)
			}
		}
	}
	return all
}

// stat reads the numbers of /proc/<pid>/stat behind the state.
func stat(pid int) ([]int64, error) {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, fmt.Errorf("read a process's times: %w", err)
	}
	// The name is in brackets and may hold anything.
	fields := strings.Fields(string(line[bytes.LastIndexByte(line, ')')+1:]))
	if len(fields) <= statChildren+1 {
		return nil, errors.New("read a process's times: too few")
	}
	numbers := make([]int64, len(fields))
	for i, field := range fields {
		if i == 0 {
			continue // the state, a letter
		}
		// The fields in question are numbers; some behind them are too large.
		numbers[i], _ = strconv.ParseInt(field, 10, 64)
	}
	return numbers, nil
}

// resetPeak makes the peak of a process's memory what it takes now.
func resetPeak(pid int) error {
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0o200); err != nil {
		return fmt.Errorf("reset the peak of memory: %w", err)
	}
	return nil
}

// peakBytes is the most resident memory a process has had since resetPeak.
func peakBytes(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read the peak of memory: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, found := strings.CutPrefix(line, "VmHWM:"); found {
			kibibytes, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kibibytes << 10, err
		}
	}
	return 0, errors.New("read the peak of memory: there is none")
}
