package postgres

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// removeLeftover stops a server on this data directory that a killed stand has left
// running, and removes the pid file of one that has exited. The caller holds the stand's
// lock, so it cannot be the server of another stand.
//
// PostgreSQL itself only checks whether some process has the recorded pid; in a
// container, where pids are small, an unrelated process often has it.
func removeLeftover(ctx context.Context, opts Options) error {
	path := filepath.Join(opts.DataDir, "postmaster.pid")
	content, err := os.ReadFile(path)
	if err != nil {
		// No such file: the last server ended well.
		return nil
	}
	first, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 1 {
		return remove(path)
	}
	switch serves(pid, opts.DataDir) {
	case no:
		return remove(path)
	case yes:
		return end(ctx, pid, opts.DataDir)
	default:
		return nil
	}
}

type answer int

const (
	unknown answer = iota
	yes
	no
)

// serves says whether the process is a server of the data directory; unknown
// where the system has no /proc, and PostgreSQL has to decide.
func serves(pid int, dataDir string) answer {
	if _, err := os.Stat("/proc/self/cmdline"); err != nil {
		return unknown
	}
	line, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	if err == nil && strings.Contains(string(line), "\x00"+dataDir+"\x00") {
		return yes
	}
	return no
}

func remove(path string) error {
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove the pid file of a dead server: %w", err)
	}
	return nil
}

// end requests a fast shutdown and polls until the process has exited: it is not a child
// of this process.
func end(ctx context.Context, pid int, dataDir string) error {
	ctx, cancel := context.WithTimeout(ctx, stopPatience)
	defer cancel()

	if err := syscall.Kill(pid, syscall.SIGINT); err != nil {
		return fmt.Errorf("stop an earlier PostgreSQL, process %d: %w", pid, err)
	}
	tick := time.NewTicker(pollPause)
	defer tick.Stop()
	for serves(pid, dataDir) == yes {
		select {
		case <-ctx.Done():
			return fmt.Errorf("an earlier PostgreSQL, process %d, does not end: %w", pid, ctx.Err())
		case <-tick.C:
		}
	}
	return nil
}
