package main

import (
	"context"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/seed-90096f4d/sluice/dev/process"
)

// interruptPatience is how long a command may clean up after Ctrl-C.
const interruptPatience = 30 * time.Second

// inherited is this process's environment without what is meant for the stand
// itself.
func inherited() []string {
	return slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return strings.HasPrefix(entry, "STAND_")
	})
}

// runInside runs a command with this process's streams and, where there is
// one, its terminal. It returns the command's exit code as an exitError, and
// leaves nothing running of what the command started.
func runInside(ctx context.Context, dir string, env []string, path string, args ...string) error {
	terminal := ownsTerminal()
	child, err := process.Start(process.Spec{
		Path: path, Args: args, Dir: dir,
		Env:   append(inherited(), env...),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Foreground:  terminal,
		DeathSignal: syscall.SIGTERM,
	})
	if err != nil {
		return err
	}
	if terminal {
		defer setForeground(syscall.Getpgrp())
	}
	select {
	case <-child.Done():
	case <-ctx.Done():
		child.SignalGroup(syscall.SIGINT)
		interrupted, cancel := context.WithTimeout(context.WithoutCancel(ctx), interruptPatience)
		defer cancel()
		select {
		case <-child.Done():
		case <-interrupted.Done():
		}
	}
	child.SignalGroup(syscall.SIGKILL)
	<-child.Done()
	if code := process.ExitCode(child.Err()); code != 0 {
		return exitError(code)
	}
	return nil
}
