package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/seed-90096f4d/sluice/dev/process"
	"github.com/seed-90096f4d/sluice/dev/stand"
)

// interruptTimeout is the time for a command to clean up after Ctrl-C.
const interruptTimeout = 30 * time.Second

type execCommand struct {
	Command string `arg:"" optional:"" env:"STAND_RUN" help:"The command, for /bin/sh."`
}

// Run runs the command in a temporary stand and returns its exit code. Standard output is
// the command's only.
func (c *execCommand) Run(ctx context.Context, root repository) (err error) {
	if c.Command == "" {
		return errors.New(`RUN must be a command, as in make stand RUN='bin/sluice migrate && psql "$SLUICE_SOURCE_URL" -c "\dt sluice.*"'`)
	}
	s, err := stand.Start(ctx, stand.Options{Log: os.Stderr})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()

	env := append(s.Settings(), s.TestSettings()...)
	return runInside(ctx, string(root), env, "/bin/sh", "-c", c.Command)
}

// runInside runs a command with this process's streams and, if there is one, its terminal.
// It returns the command's exit code as an exitError, and ends all processes that the
// command leaves running.
func runInside(ctx context.Context, dir string, env []string, path string, args ...string) error {
	inherited := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return strings.HasPrefix(entry, "STAND_") // the stand's own settings
	})
	terminal := ownsTerminal()
	child, err := process.Start(process.Spec{
		Path: path, Args: args, Dir: dir,
		Env:   append(inherited, env...),
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
		select {
		case <-child.Done():
		case <-time.After(interruptTimeout):
		}
	}
	child.SignalGroup(syscall.SIGKILL)
	<-child.Done()
	if code := process.ExitCode(child.Err()); code != 0 {
		return exitError(code)
	}
	return nil
}
