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

// lock is held on a stand's folder as long as the stand lives. The kernel lets
// go of it however the process ends; children do not inherit it.
type lock struct {
	file *os.File
}

// RunningError says that another process runs the persistent stand.
type RunningError struct {
	// PID is that process; 0 when it did not say so.
	PID int
}

// Error is the sentence the second owner reads.
func (e *RunningError) Error() string {
	return fmt.Sprintf("the stand of this folder is already running (process %d): stop that one first", e.PID)
}

// takeLock locks a directory. If another stand has locked it, the error is a
// RunningError.
func takeLock(dir string) (*lock, error) {
	file, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock the stand: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(file.Name()) // unread is process 0
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

// release gives the lock back. Closing the file is all it takes.
func (l *lock) release() { _ = l.file.Close() }
