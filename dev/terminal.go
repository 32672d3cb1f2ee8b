package main

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// takeTerminal moves this process, if its input is a terminal, into a process group of its
// own in the terminal's foreground. Ctrl-C then reaches it and not make, which would report
// an interruption. The returned function restores the foreground.
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

// ownsTerminal reports whether a command can get the terminal.
func ownsTerminal() bool {
	group, ok := foreground()
	return ok && group == syscall.Getpgrp()
}

func foreground() (int, bool) {
	group, err := unix.IoctlGetInt(int(os.Stdin.Fd()), unix.TIOCGPGRP)
	return group, err == nil
}

// setForeground puts a process group into the foreground. It ignores the signal that would
// stop a process in the background.
func setForeground(group int) {
	signal.Ignore(syscall.SIGTTOU)
	defer signal.Reset(syscall.SIGTTOU)
	// On failure, Ctrl-C reaches make as well, which is no error.
	_ = unix.IoctlSetPointerInt(int(os.Stdin.Fd()), unix.TIOCSPGRP, group)
}
