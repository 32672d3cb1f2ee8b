//go:build linux

package bench

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// tick is the tolerance between two counts of the kernel, one of which rounds each of its
// times down to a hundredth of a second.
const tick = 0.05

// Not parallel: other tests would be counted.
func TestProcessorTime(t *testing.T) {
	before, err := cpuSeconds(os.Getpid())
	require.NoError(t, err)
	busy := exec.CommandContext(t.Context(), "sh", "-c", "i=0; while [ $i -lt 600000 ]; do i=$((i+1)); done")
	require.NoError(t, busy.Run())
	after, err := cpuSeconds(os.Getpid())
	require.NoError(t, err)

	took := busy.ProcessState.UserTime() + busy.ProcessState.SystemTime()
	require.Greater(t, took.Seconds(), 2*tick)
	require.Greater(t, after-before, took.Seconds()-tick, "exited children count")
}

func TestProcessorTimeOfLivingChildren(t *testing.T) {
	before, err := cpuSeconds(os.Getpid())
	require.NoError(t, err)
	busy := exec.CommandContext(t.Context(), "sh", "-c", "i=0; while [ $i -lt 600000 ]; do i=$((i+1)); done; echo done; read end")
	input, err := busy.StdinPipe()
	require.NoError(t, err)
	output, err := busy.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, busy.Start())
	_, err = output.Read(make([]byte, 10))
	require.NoError(t, err)
	after, err := cpuSeconds(os.Getpid())
	require.NoError(t, err)
	require.NoError(t, input.Close())
	_ = busy.Wait() // read fails at the end of the input

	took := busy.ProcessState.UserTime() + busy.ProcessState.SystemTime()
	require.Greater(t, after-before, took.Seconds()-tick)
}

func TestPeak(t *testing.T) {
	peak := func() int64 {
		bytes, err := peakBytes(os.Getpid())
		require.NoError(t, err)
		return bytes
	}
	require.NoError(t, resetPeak(os.Getpid()))
	before := peak()

	// Memory that the garbage collector does not manage.
	large, err := syscall.Mmap(-1, 0, 64<<20, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	require.NoError(t, err)
	for i := range large {
		large[i] = 1
	}
	require.NoError(t, syscall.Munmap(large))
	require.Greater(t, peak()-before, int64(60<<20), "even after it is released")

	require.NoError(t, resetPeak(os.Getpid()))
	require.Less(t, peak()-before, int64(30<<20))
}
