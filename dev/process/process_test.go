package process_test

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/dev/process"
)

func TestExitCode(t *testing.T) {
	t.Parallel()
	for script, code := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -TERM $$": 143} {
		child, err := process.Start(process.Spec{Path: "/bin/sh", Args: []string{"-c", script}})
		require.NoError(t, err)
		<-child.Done()
		require.Equal(t, code, process.ExitCode(child.Err()), script)
	}
	_, err := process.Start(process.Spec{Path: "/nowhere/program"})
	require.ErrorIs(t, err, os.ErrNotExist)
}

// A child that ignores the signal is killed, with its children.
func TestStopKillsTheWholeGroup(t *testing.T) {
	t.Parallel()
	read, write, err := os.Pipe()
	require.NoError(t, err)
	child, err := process.Start(process.Spec{
		Path: "/bin/sh", Args: []string{"-c", `trap "" TERM; sleep 600 & echo ready; while :; do sleep 600; done`},
		Stdout: write,
	})
	require.NoError(t, err)
	require.NoError(t, write.Close())
	lines := bufio.NewReader(read)
	_, err = lines.ReadString('\n')
	require.NoError(t, err)

	require.ErrorContains(t, child.Stop(syscall.SIGTERM, 50*time.Millisecond), "was killed")
	// The pipe is closed when the last process has exited.
	_, err = lines.ReadString('\n')
	require.Error(t, err)
	require.NoError(t, read.Close())
}

func TestTail(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	require.Empty(t, process.Tail(path, 0, 3), "no file")

	old, fresh := strings.Repeat("old\n", 50_000), "one\ntwo\nthree\n"
	require.NoError(t, os.WriteFile(path, []byte(old+fresh), 0o644))
	require.Equal(t, "\ttwo\n\tthree", process.Tail(path, 0, 2))
	require.Equal(t, "\tone\n\ttwo\n\tthree", process.Tail(path, int64(len(old)), 9))
	require.Empty(t, process.Tail(path, int64(len(old+fresh)), 9), "nothing new")
}

func TestFreePort(t *testing.T) {
	t.Parallel()
	port, err := process.FreePort(0)
	require.NoError(t, err)
	require.NotZero(t, port)
}
