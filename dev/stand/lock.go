package stand

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const lockName = "lock"

// lock is held on a stand's directory while the stand runs. The kernel releases it
// however the process ends; children do not inherit it.
type lock struct {
	file *os.File
}

// RunningError means that another process runs the persistent stand.
type RunningError struct {
	// PID is that process; 0 if it is unknown.
	PID int
}

// Error names the process.
func (e *RunningError) Error() string {
	return fmt.Sprintf("the stand of this directory is already running (process %d); stop it first", e.PID)
}

// takeLock locks a directory. If another stand has locked it, the error is a
// RunningError.
func takeLock(dir string) (*lock, error) {
	file, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock the stand: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(file.Name()) // process 0 if it cannot be read
		_ = file.Close()
		pid, _ := strconv.Atoi(strings.TrimSpace(string(holder)))
		return nil, &RunningError{PID: pid}
	}
	if err := file.Truncate(0); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("lock the stand: %w", err)
	}
	if _, err := file.WriteString(strconv.Itoa(os.Getpid()) + "\n"); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("lock the stand: %w", err)
	}
	return &lock{file: file}, nil
}

// release releases the lock by closing the file.
func (l *lock) release() { _ = l.file.Close() }
