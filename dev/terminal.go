package main

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// takeTerminal moves this process, when a terminal is its input, into a
// process group of its own in the terminal's foreground. Ctrl-C then reaches
// it and not make, which would call a clean end an interruption. The function
// it returns gives the terminal back.
func takeTerminal() func() {
	before, ok := foreground()
	if !ok || before != syscall.Getpgrp() || syscall.Setpgid(0, 0) != nil {
		return func() {}
	}
	// Ctrl-Z would stop this process and leave make waiting for it.
	signal.Ignore(syscall.SIGTSTP)
	setForeground(os.Getpid())
	return func() { setForeground(before) }
}

// ownsTerminal says whether a command can be given the terminal.
func ownsTerminal() bool {
	group, ok := foreground()
	return ok && group == syscall.Getpgrp()
}

func foreground() (int, bool) {
	group, err := unix.IoctlGetInt(int(os.Stdin.Fd()), unix.TIOCGPGRP)
	return group, err == nil
}

// setForeground puts a process group into the foreground. A process in the
// background is stopped for trying, unless it ignores the signal.
func setForeground(group int) {
	signal.Ignore(syscall.SIGTTOU)
	defer signal.Reset(syscall.SIGTTOU)
	// Without the terminal, Ctrl-C reaches make too: a pity, not a failure.
	_ = unix.IoctlSetPointerInt(int(os.Stdin.Fd()), unix.TIOCSPGRP, group)
}
