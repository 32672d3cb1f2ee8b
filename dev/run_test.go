package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/dev/process"
)

// What make run prints is true: every command works when pasted, the data are
// there again the next time, and Ctrl-C is a clean end.
func TestRun(t *testing.T) {
	t.Parallel()
	root := builtRepository(t)

	first := startRun(t, root, "--size=600")
	require.Contains(t, first.said, "Loading sample data (600 resources)")
	out := paste(t, first.said)
	require.Contains(t, out, `{"id": "pt-1", "meta": {"createdAt": "2021-06-10T08:26:10.707454Z", "versionId": 481, `, "the plain dump")
	require.Contains(t, out, `{"id":"pt-1","meta":{"versionId":481,`, "the dump in FHIR format")
	require.Regexp(t, `(?m)^HTTP/1.1 202 `, out, "the asynchronous dump")
	require.Regexp(t, `(?m)^ +[1-9]\d+ .*/Patient\.0001\.ndjson$`, out, "the downloaded export")

	_, err := commandAt(root, "run").Output()
	require.ErrorContains(t, err, "exit status 1", "a second one at the same time")
	first.stop(t)

	second := startRun(t, root)
	require.NotContains(t, second.said, "Loading sample data")
	require.Contains(t, paste(t, second.said), `{"id":"pt-1",`)
	second.stop(t)

	third := startRun(t, root, "--size=700")
	require.Contains(t, third.said, "The sample data hold 600 resources; making them anew.")
	third.stop(t)
}

// A product that does not start is one sentence and its own last words.
func TestRunBrokenProduct(t *testing.T) {
	t.Parallel()
	root := emptyRepository(t)
	program := filepath.Join(root, "bin", "sluice")
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\necho no such setting >&2\nexit 2\n"), 0o755))

	out, err := commandAt(root, "run").CombinedOutput()
	require.Equal(t, 1, process.ExitCode(err))
	require.Equal(t, "stand: sluice migrate: exit status 2\nno such setting\n", string(out))
}

// running is a make run that has printed all it has to say.
type running struct {
	cmd  *exec.Cmd
	out  io.Reader
	said string
}

func startRun(t *testing.T, root string, args ...string) *running {
	t.Helper()
	cmd := commandAt(root, append([]string{"run"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGTERM) })

	var said strings.Builder
	lines := bufio.NewReader(out)
	for !strings.Contains(said.String(), "Ctrl-C stops everything") {
		line, err := lines.ReadString('\n')
		require.NoError(t, err, said.String())
		said.WriteString(line)
	}
	return &running{cmd: cmd, out: lines, said: said.String()}
}

// stop is Ctrl-C.
func (r *running) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, r.cmd.Process.Signal(syscall.SIGINT))
	rest, err := io.ReadAll(r.out)
	require.NoError(t, err)
	require.NoError(t, r.cmd.Wait())
	require.Equal(t, "\nStopping …\n", string(rest))
}

var commandPattern = regexp.MustCompile(`(?m)^  (.*\n)`)

// paste runs all printed commands, but for psql, which may be absent, in one
// shell that stops at the first failure, and returns their output.
func paste(t *testing.T, said string) string {
	t.Helper()
	var script strings.Builder
	for _, match := range commandPattern.FindAllStringSubmatch(said, -1) {
		if !strings.HasPrefix(match[1], "psql ") && !strings.HasPrefix(match[1], "http") {
			script.WriteString(match[1])
		}
	}
	commands := strings.ReplaceAll(script.String(), "/tmp/sluice-export", t.TempDir())
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-e", "-c", commands)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}

// commandAt is the stand's program at a repository's root.
func commandAt(root string, args ...string) *exec.Cmd {
	// The test stops it as a user would, and not by cancelling a context.
	cmd := exec.CommandContext(context.Background(), os.Args[0], args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), envProgram+"=yes")
	return cmd
}

// builtRepository is the root of a repository in which make build has run.
func builtRepository(t *testing.T) string {
	t.Helper()
	root := emptyRepository(t)
	build := exec.CommandContext(t.Context(), "go", "build", "-C", "..", "-buildvcs=false", "-o", filepath.Join(root, "bin", "sluice"), ".")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	return root
}

func emptyRepository(t *testing.T) string {
	t.Helper()
	root, err := os.MkdirTemp("", "sluice-test-") //nolint:usetesting // PostgreSQL's user can't pass t.TempDir's parent
	require.NoError(t, err)
	require.NoError(t, os.Chmod(root, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(root)) })
	for _, dir := range []string{"dev", "bin"} {
		require.NoError(t, os.Mkdir(filepath.Join(root, dir), 0o755))
	}
	require.NoError(t, os.WriteFile(filepath.Join(root, "dev", "go.mod"), nil, 0o644))
	return root
}
