package bench

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// Not parallel: what other tests do would be counted.
func TestProcessorTime(t *testing.T) {
	before, err := cpuSeconds(os.Getpid())
	require.NoError(t, err)
	busy := exec.CommandContext(t.Context(), "sh", "-c", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done")
	require.NoError(t, busy.Run())
	after, err := cpuSeconds(os.Getpid())
	require.NoError(t, err)

	// The kernel's own count, in ticks of a hundredth.
	took := busy.ProcessState.UserTime() + busy.ProcessState.SystemTime()
	require.Greater(t, took.Seconds(), 0.05)
	require.Greater(t, after-before, took.Seconds()-0.03, "children that have ended count")
}

func TestProcessorTimeOfLivingChildren(t *testing.T) {
	before, err := cpuSeconds(os.Getpid())
	require.NoError(t, err)
	busy := exec.CommandContext(t.Context(), "sh", "-c", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo done; read end")
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
	_ = busy.Wait() // its reading found an end

	took := busy.ProcessState.UserTime() + busy.ProcessState.SystemTime()
	require.Greater(t, after-before, took.Seconds()-0.03)
}

func TestPeak(t *testing.T) {
	require.NoError(t, resetPeak(os.Getpid()))
	before, err := peakBytes(os.Getpid())
	require.NoError(t, err)
	large := make([]byte, 64<<20)
	for i := range large {
		large[i] = 1
	}
	after, err := peakBytes(os.Getpid())
	require.NoError(t, err)
	require.EqualValues(t, 1, large[len(large)-1])
	require.Greater(t, after-before, int64(48<<20))
}
