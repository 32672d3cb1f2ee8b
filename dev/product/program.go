// Package product runs the built program as processes and talks to it as its clients do.
//
// It knows the program by its command line, its settings and its HTTP responses, and
// shares no code with it.
package product

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// Program is the built program and its environment.
type Program struct {
	// Path is the program's path.
	Path string
	// Env is the complete environment.
	Env []string
	// LogDir is the directory for the logs of its services.
	LogDir string
}

// Run runs one command to its end and returns its output, which is part of the error as
// well.
func (p Program) Run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, p.Path, args...)
	cmd.Env = p.Env
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("sluice %s: %w\n%s", args[0], err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

// Service returns a process of the program that logs to a file of its name and gets
// additional settings. It is not started yet.
func (p Program) Service(name, command string, env ...string) *Service {
	return &Service{Name: name, Log: filepath.Join(p.LogDir, name+".log"), Env: env, program: p, command: command}
}
