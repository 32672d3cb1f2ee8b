package postgres

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/seed-90096f4d/sluice/dev/process"
)

// stopStale stops a server of this data directory that a killed stand has left running,
// and removes the pid file of one that has exited. The caller holds the stand's lock, so
// it cannot be the server of another stand.
//
// PostgreSQL itself only checks whether some process has the recorded pid; in a
// container, where pids are small, an unrelated process often has it.
func stopStale(ctx context.Context, dataDir string) error {
	path := filepath.Join(dataDir, "postmaster.pid")
	content, err := os.ReadFile(path)
	if err != nil {
		return nil // there is no such file: the last server exited properly
	}
	if _, err := os.Stat("/proc/self/cmdline"); err != nil {
		return nil // without /proc, PostgreSQL has to decide
	}
	first, _, _ := strings.Cut(string(content), "\n")
	pid, _ := strconv.Atoi(strings.TrimSpace(first)) // 0 if the file is incomplete
	if pid <= 1 || !serves(pid, dataDir) {
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("remove the pid file of a dead server: %w", err)
		}
		return nil
	}
	// A fast shutdown. The process is not a child of this one.
	if err := syscall.Kill(pid, syscall.SIGINT); err != nil {
		return fmt.Errorf("stop an earlier PostgreSQL, process %d: %w", pid, err)
	}
	what := fmt.Sprintf("an earlier PostgreSQL, process %d, to exit", pid)
	return process.Poll(ctx, stopTimeout, what, func(context.Context) (bool, error) { return !serves(pid, dataDir), nil })
}

// serves reports whether the process is a server of the data directory.
func serves(pid int, dataDir string) bool {
	line, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	return err == nil && strings.Contains(string(line), "\x00"+dataDir+"\x00")
}
