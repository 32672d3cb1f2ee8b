//go:build !linux

package bench

// Only Linux reports the resource usage of other processes. Elsewhere the figures lack
// it.

func cpuSeconds(int) (float64, error) { return 0, nil }

func resetPeak(int) error { return nil }

func peakBytes(int) (int64, error) { return 0, nil }
