package process

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

func setDeathSignal(attr *syscall.SysProcAttr, signal syscall.Signal) {
	attr.Pdeathsig = signal
}

// EndWithParent makes the kernel end this process with SIGTERM when its parent exits, so
// that no stand keeps running after make is killed.
func EndWithParent() error {
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGTERM), 0, 0, 0); err != nil {
		return fmt.Errorf("set the signal for the exit of the parent: %w", err)
	}
	return nil
}
